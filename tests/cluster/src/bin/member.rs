//! A server in a process of its own, for tests that kill or stop one: `member <endpoint> <id>`.
//! Its leases are short.
//! Says `ready` on standard output when it is announced, and runs until it is killed.

use cluster_tests::member::{Member, short_lived};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    cluster_tests::logs();
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(id)) = (arguments.next(), arguments.next()) else {
        panic!("member <endpoint> <id>");
    };
    let _member = Member::join(short_lived(&endpoint), &id).await;
    println!("ready");
    std::future::pending::<()>().await;
}
