//! The handlers of the service `testsvc`, one for each row of the conformance table.

use bytes::Bytes;
use pitaya::{AppHandle, Caller as _, Context, Error, Result, handler};

use crate::messages::{TestRPCRequest, TestRequest, TestResponse, TestSendToUsers};

/// The group that every bound user is in.
const GROUP: &str = "g1";
/// The frontend type whose clients are pushed to.
const FRONTEND: &str = "connector";

/// Everything that both serializers carry.
pub(crate) struct TestSvc;

impl TestSvc {
    /// Creates the group. Users stay in it when they leave, as in the original.
    pub(crate) async fn start(app: AppHandle) -> Result<Self> {
        app.groups().create(GROUP).await?;
        Ok(Self)
    }
}

#[handler(name = "testsvc")]
impl TestSvc {
    async fn testrequestonlysessionreturnsptr(&self, _ctx: &Context<'_>) -> Result<TestResponse> {
        Ok(TestResponse::ok("hello"))
    }

    async fn testrequestonlysessionreturnsptrnil(
        &self,
        _ctx: &Context<'_>,
    ) -> Result<Option<TestResponse>> {
        Ok(None)
    }

    async fn testrequestonlysessionreturnsrawnil(
        &self,
        _ctx: &Context<'_>,
    ) -> Result<Option<Bytes>> {
        Ok(None)
    }

    async fn testrequestreturnsptr(
        &self,
        _ctx: &Context<'_>,
        request: TestRequest,
    ) -> Result<TestResponse> {
        Ok(TestResponse::ok(request.msg))
    }

    async fn testrequestreturnsraw(
        &self,
        _ctx: &Context<'_>,
        request: TestRequest,
    ) -> Result<Bytes> {
        Ok(request.msg.into())
    }

    async fn testrequestreceivereturnsraw(&self, _ctx: &Context<'_>, body: Bytes) -> Result<Bytes> {
        Ok(body)
    }

    async fn testrequestreturnserror(
        &self,
        _ctx: &Context<'_>,
        _body: Bytes,
    ) -> Result<TestResponse> {
        Err(Error::new("PIT-555", "somerror"))
    }

    async fn testbind(&self, ctx: &Context<'_>) -> Result<Bytes> {
        bind(ctx, &uuid::Uuid::new_v4().to_string()).await
    }

    async fn testbindid(&self, ctx: &Context<'_>, uid: Bytes) -> Result<Bytes> {
        bind(ctx, &text(&uid)).await
    }

    async fn testrequestkickuser(&self, ctx: &Context<'_>, uid: Bytes) -> Result<TestResponse> {
        let session = ctx.app().sessions().by_uid(&text(&uid));
        let session = session.ok_or_else(|| Error::new("PIT-404", "session not found"))?;
        session.kick().await?;
        Ok(TestResponse::ok("ok"))
    }

    /// The answer never leaves: nothing follows a kick.
    async fn testrequestkickme(&self, ctx: &Context<'_>) -> Result<TestResponse> {
        ctx.session().kick().await?;
        Ok(TestResponse::ok("ok"))
    }

    async fn testsendgroupmsg(&self, ctx: &Context<'_>, body: Bytes) -> Result<()> {
        let groups = ctx.app().groups();
        let delivery = groups
            .broadcast(FRONTEND, GROUP, "route.test", &body)
            .await?;
        tracing::debug!(unreached = delivery.unreached.len(), "broadcast");
        Ok(())
    }

    async fn testsendgroupmsgptr(&self, ctx: &Context<'_>, request: TestRequest) -> Result<()> {
        let groups = ctx.app().groups();
        let delivery = groups
            .broadcast(FRONTEND, GROUP, "route.testptr", &request)
            .await?;
        tracing::debug!(unreached = delivery.unreached.len(), "broadcast");
        Ok(())
    }
}

/// What takes an argument that only JSON carries.
pub(crate) struct JsonOnly;

#[handler(name = "testsvc")]
impl JsonOnly {
    async fn testsendtousers(&self, ctx: &Context<'_>, push: TestSendToUsers) -> Result<()> {
        let body = Bytes::from(push.msg);
        let route = "route.sendtousers";
        ctx.app()
            .push_to_users(FRONTEND, push.uids, route, &body)
            .await?
            .into_result()
    }

    async fn testsendrpc(&self, ctx: &Context<'_>, call: TestRPCRequest) -> Result<TestResponse> {
        let argument = TestRequest { msg: call.data };
        ctx.rpc(&call.route, Some(&argument)).await
    }

    async fn testsendrpcnoargs(
        &self,
        ctx: &Context<'_>,
        call: TestRPCRequest,
    ) -> Result<TestResponse> {
        ctx.rpc(&call.route, None::<&TestRequest>).await
    }
}

/// The same with protobuf, which cannot carry those arguments: they never decode.
pub(crate) struct JsonOnlyRefused;

#[handler(name = "testsvc")]
impl JsonOnlyRefused {
    async fn testsendtousers(&self, _ctx: &Context<'_>, _body: Bytes) -> Result<()> {
        Err(wrong_type())
    }

    async fn testsendrpc(&self, _ctx: &Context<'_>, _body: Bytes) -> Result<TestResponse> {
        Err(wrong_type())
    }

    async fn testsendrpcnoargs(&self, _ctx: &Context<'_>, _body: Bytes) -> Result<TestResponse> {
        Err(wrong_type())
    }
}

async fn bind(ctx: &Context<'_>, uid: &str) -> Result<Bytes> {
    let bound = ctx.session().bind(uid).await;
    bound.map_err(|error| coded("PIT-444", error))?;
    let added = ctx.app().groups().add_member(GROUP, uid).await;
    added.map_err(|error| coded("PIT-441", error))?;
    Ok(Bytes::from_static(b"ack"))
}

/// Gives an error a code, unless it has one that means something already.
fn coded(code: &'static str, error: Error) -> Error {
    if error.code() == "PIT-000" {
        Error::new(code, error.message().to_owned()).with_source(error)
    } else {
        error
    }
}

/// A body as text; what is no text becomes one that no user has.
fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn wrong_type() -> Error {
    Error::new("PIT-400", "protobuf: convert on wrong type value")
}
