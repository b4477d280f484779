//! The remotes of the service `testremotesvc`, one for each row of the conformance table.

use pitaya::{Error, Result, remote};

use crate::messages::{TestRequest, TestResponse};

/// What other servers call, whatever the clients' serializer.
pub(crate) struct TestRemoteSvc;

#[remote(name = "testremotesvc", client = false)]
impl TestRemoteSvc {
    async fn rpctestrawptrreturnsptr(&self, request: TestRequest) -> Result<TestResponse> {
        Ok(got(&request.msg))
    }

    async fn rpctestptrreturnsptr(&self, request: TestRequest) -> Result<TestResponse> {
        Ok(got(&request.msg))
    }

    async fn rpctestreturnserror(&self, _request: TestRequest) -> Result<TestResponse> {
        Err(Error::new("PIT-433", "test error").with_metadata("some", "meta"))
    }

    async fn rpctestnoargs(&self) -> Result<TestResponse> {
        Ok(got("nothing"))
    }
}

fn got(what: &str) -> TestResponse {
    TestResponse::ok(format!("got {what}"))
}
