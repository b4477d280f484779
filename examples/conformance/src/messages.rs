//! What the conformance server's messages are; `protos/test.proto` says the same to others.

use pitaya::message;

/// What a test asks.
#[message(omit_empty)]
pub(crate) struct TestRequest {
    /// Free text.
    #[field(1)]
    pub(crate) msg: String,
}

/// What a test is answered.
#[message(omit_empty)]
pub(crate) struct TestResponse {
    /// 200 when all is well.
    #[field(1)]
    pub(crate) code: i32,
    /// Free text.
    #[field(2)]
    pub(crate) msg: String,
}

impl TestResponse {
    /// An answer with code 200.
    pub(crate) fn ok(msg: impl Into<String>) -> Self {
        Self {
            code: 200,
            msg: msg.into(),
        }
    }
}

/// Asks for a call of another server.
#[message(json, omit_empty)]
pub(crate) struct TestRPCRequest {
    /// The remote's route.
    pub(crate) route: String,
    /// What the remote is sent.
    pub(crate) data: String,
}

/// Asks for a push to users.
#[message(json, omit_empty)]
pub(crate) struct TestSendToUsers {
    /// Whom to push to.
    pub(crate) uids: Vec<String>,
    /// What to push, as raw bytes.
    pub(crate) msg: String,
}

#[cfg(test)]
mod tests {
    use pitaya::Message;
    use pitaya::message::descriptor::proto_files;

    use super::*;

    #[test]
    fn other_languages_are_told_the_same_messages() {
        let types = [TestRequest::DESCRIPTOR, TestResponse::DESCRIPTOR];
        let [file] = &proto_files(types).unwrap()[..] else {
            panic!("one package, one file")
        };
        let written = include_str!("../../../protos/test.proto");
        assert_eq!(
            written, file.text,
            "protos/test.proto is to be:\n{}",
            file.text
        );
    }

    #[test]
    fn zero_valued_fields_stay_out_of_the_json() {
        fn json(message: &impl Message) -> String {
            let mut out = Vec::new();
            message.encode_json(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        }
        assert_eq!(json(&TestResponse::default()), "{}");
        assert_eq!(json(&TestResponse::ok("")), r#"{"code":200}"#);
        assert_eq!(
            json(&TestResponse {
                code: 0,
                msg: "m".into()
            }),
            r#"{"msg":"m"}"#
        );
        assert_eq!(json(&TestSendToUsers::default()), "{}");
    }
}
