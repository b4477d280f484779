//! How a standalone app behaves: real apps, watched from outside. One module per topic.
#![allow(missing_docs)]

mod support;

mod certificates;
mod closing;
mod data;
mod encryption;
mod groups;
mod isolation;
mod lifecycle;
mod limits;
mod measures;
mod mounting;
mod options;
mod order;
mod outbound;
mod pipelines;
mod places;
mod proxies;
mod python;
mod rates;
mod report;
mod sessions;
mod signals;
mod waiting;
mod wrappers;
