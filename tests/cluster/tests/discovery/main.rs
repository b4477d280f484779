//! Discovery against a real etcd, with everything that can happen to one.

mod faults;
mod records;
mod servers;
