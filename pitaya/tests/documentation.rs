//! What an app tells of itself: its documentation in the shape that the original's tools read, and
//! the descriptors of its messages.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use expect_test::expect;
use flate2::read::GzDecoder;
use pitaya::app::AppBuilder;
use pitaya::client::Client;
use pitaya::cluster::{Cluster, Hub};
use pitaya::docs::{
    Doc, DocMsg, Docs, DocumentedClient, DocumentedServer, ProtoDescriptors, ProtoName, ProtoNames,
};
use pitaya::prelude::*;
use prost::Message as _;
use prost_types::FileDescriptorProto;
use serde_json::{Value, json};

fn app() -> AppBuilder {
    App::builder("game").config(Config::for_test())
}

/// Every kind of field.
#[message]
struct Kinds {
    flag: bool,
    small: i32,
    large: i64,
    count: u32,
    total: u64,
    ratio: f32,
    exact: f64,
    name: String,
    blob: Bytes,
    #[field(rename = "seatColor")]
    color: Color,
    maybe: Option<i32>,
    maybe_blob: Option<Bytes>,
    names: Vec<String>,
    blobs: Vec<Bytes>,
    point: Point,
    maybe_point: Option<Point>,
    points: Vec<Point>,
    by_name: BTreeMap<String, i32>,
    points_by_id: HashMap<i64, Point>,
    #[field(oneof)]
    shape: Option<Shape>,
}

#[message]
enum Color {
    Red,
    Green,
}

#[message]
struct Point {
    x: i32,
}

#[message]
enum Shape {
    #[field(30)]
    Dot(Point),
    #[field(31)]
    Radius(f64),
}

/// A type inside itself.
#[message(package = "game.trees")]
struct Tree {
    name: String,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
    roots: HashMap<String, Root>,
}

#[message(package = "game.roots")]
struct Root {
    depth: i32,
    soil: Soil,
}

#[message(package = "game.soils")]
enum Soil {
    Sand,
    Clay,
}

/// Pushed, so in no table.
#[message]
struct News {
    text: String,
}

struct Garden;

#[handler(client = false)]
impl Garden {
    async fn all(&self, kinds: Kinds) -> Result<Kinds> {
        Ok(kinds)
    }

    async fn tree(&self) -> Result<Tree> {
        Ok(Tree::default())
    }

    async fn raw(&self, body: Bytes) -> Result<Vec<u8>> {
        Ok(body.into())
    }

    async fn told(&self, _point: Point) {}

    async fn silence(&self) -> Result<()> {
        Ok(())
    }
}

struct Gate;

#[remote]
impl Gate {
    async fn best(&self, point: Point) -> Result<Point> {
        Ok(point)
    }

    async fn foreign(&self, any: Proto<prost_types::Timestamp>) -> Result<Bytes> {
        Ok(any.0.nanos.to_string().into())
    }
}

fn shown(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// What `game.garden.all` takes and gives back, taken out of the documentation.
fn take_kinds(documentation: &mut Value) -> Value {
    let handlers = documentation["handlers"].as_object_mut().unwrap();
    let all = handlers.remove("game.garden.all").unwrap();
    let kinds = all["input"].clone();
    assert_eq!(all, json!({"input": kinds, "output": [kinds, "error"]}));
    kinds
}

#[tokio::test]
async fn types_are_shown_with_gos_names() {
    let app = app().handler(Garden).remote(Gate).start().await.unwrap();
    let mut documentation = app.handle().documentation(false);
    expect![[r#"
        {
          "blob": "[]byte",
          "blobs": [
            "[]byte"
          ],
          "by_name": "map[string]int32",
          "count": "uint32",
          "exact": "float64",
          "flag": "bool",
          "large": "int64",
          "maybe": "*int32",
          "maybe_blob": "[]byte",
          "maybe_point": {
            "x": "int32"
          },
          "name": "string",
          "names": [
            "string"
          ],
          "point": {
            "x": "int32"
          },
          "points": [
            {
              "x": "int32"
            }
          ],
          "points_by_id": "map[int64]*protos.Point",
          "ratio": "float32",
          "seatColor": "protos.Color",
          "shape": {
            "Dot": {
              "x": "int32"
            },
            "Radius": "float64"
          },
          "small": "int32",
          "total": "uint64"
        }
    "#]]
    .assert_eq(&shown(&take_kinds(&mut documentation)));
    expect![[r#"
        {
          "handlers": {
            "game.garden.raw": {
              "input": "[]byte",
              "output": [
                "[]byte",
                "error"
              ]
            },
            "game.garden.silence": {
              "input": null,
              "output": []
            },
            "game.garden.told": {
              "input": {
                "x": "int32"
              },
              "output": []
            },
            "game.garden.tree": {
              "input": null,
              "output": [
                {
                  "children": [
                    {}
                  ],
                  "name": "string",
                  "parent": {},
                  "roots": "map[string]*game.roots.Root"
                },
                "error"
              ]
            }
          },
          "remotes": {}
        }
    "#]]
    .assert_eq(&shown(&documentation));
    app.shutdown().await;
}

#[tokio::test]
async fn messages_are_wrapped_in_their_names_and_every_file_can_be_found() {
    let app = app().handler(Garden).remote(Gate).start().await.unwrap();
    let mut documentation = app.handle().documentation(true);
    expect![[r#"
        {
          "*protos.Kinds": {
            "blob": "[]byte",
            "blobs": [
              "[]byte"
            ],
            "by_name": "map[string]int32",
            "count": "uint32",
            "exact": "float64",
            "flag": "bool",
            "large": "int64",
            "maybe": "*int32",
            "maybe_blob": "[]byte",
            "maybe_point": {
              "*protos.Point": {
                "x": "int32"
              }
            },
            "name": "string",
            "names": [
              "string"
            ],
            "point": {
              "*protos.Point": {
                "x": "int32"
              }
            },
            "points": [
              {
                "*protos.Point": {
                  "x": "int32"
                }
              }
            ],
            "points_by_id": "map[int64]*protos.Point",
            "ratio": "float32",
            "seatColor": "protos.Color",
            "shape": {
              "Dot": {
                "*protos.Point": {
                  "x": "int32"
                }
              },
              "Radius": "float64"
            },
            "small": "int32",
            "total": "uint64"
          }
        }
    "#]]
    .assert_eq(&shown(&take_kinds(&mut documentation)));
    expect![[r#"
        {
          "files": {
            "*game/roots.proto": {},
            "*game/soils.proto": {}
          },
          "handlers": {
            "game.garden.raw": {
              "input": "[]byte",
              "output": [
                "[]byte",
                "error"
              ]
            },
            "game.garden.silence": {
              "input": null,
              "output": []
            },
            "game.garden.told": {
              "input": {
                "*protos.Point": {
                  "x": "int32"
                }
              },
              "output": []
            },
            "game.garden.tree": {
              "input": null,
              "output": [
                {
                  "*game.trees.Tree": {
                    "children": [
                      {
                        "*game.trees.Tree": {}
                      }
                    ],
                    "name": "string",
                    "parent": {
                      "*game.trees.Tree": {}
                    },
                    "roots": "map[string]*game.roots.Root"
                  }
                },
                "error"
              ]
            }
          },
          "remotes": {}
        }
    "#]]
    .assert_eq(&shown(&documentation));
    app.shutdown().await;
}

#[tokio::test]
async fn remotes_of_a_cluster_are_shown_with_those_that_every_server_has() {
    let hub = Hub::new();
    let app = app()
        .remote(Gate)
        .cluster(Cluster::local(&hub))
        .start()
        .await
        .unwrap();
    let mut documentation = app.handle().documentation(true);
    assert_eq!(documentation["handlers"], json!({}));
    let remotes = documentation["remotes"].as_object_mut().unwrap();
    // They take and answer the same.
    for name in ["game.sys.patchsession", "game.sys.pushsession"] {
        let same = remotes.remove(name).unwrap();
        assert_eq!(same, remotes["game.sys.bindsession"]);
    }
    expect![[r#"
        {
          "game.gate.best": {
            "input": {
              "*protos.Point": {
                "x": "int32"
              }
            },
            "output": [
              {
                "*protos.Point": {
                  "x": "int32"
                }
              },
              "error"
            ]
          },
          "game.gate.foreign": {
            "input": "proto.Message",
            "output": [
              "[]byte",
              "error"
            ]
          },
          "game.sys.bindsession": {
            "input": {
              "*protos.Session": {
                "data": "[]byte",
                "id": "int64",
                "uid": "string"
              }
            },
            "output": [
              {
                "*protos.Response": {
                  "data": "[]byte",
                  "error": {
                    "*protos.Error": {
                      "code": "string",
                      "metadata": "map[string]string",
                      "msg": "string"
                    }
                  }
                }
              },
              "error"
            ]
          },
          "game.sys.kick": {
            "input": {
              "*protos.KickMsg": {
                "userId": "string"
              }
            },
            "output": [
              {
                "*protos.KickAnswer": {
                  "kicked": "bool"
                }
              },
              "error"
            ]
          }
        }
    "#]]
    .assert_eq(&shown(&documentation["remotes"]));
    app.shutdown().await;
}

fn inflated(compressed: &[u8]) -> FileDescriptorProto {
    let mut bytes = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut bytes).unwrap();
    FileDescriptorProto::decode(&*bytes).unwrap()
}

#[tokio::test]
async fn descriptors_are_found_by_message_and_by_file() {
    #[message(package = "google.protobuf")]
    struct StringValue {
        value: String,
    }
    let app = app()
        .handler(Garden)
        .describe::<News>()
        .describe::<StringValue>()
        .start()
        .await
        .unwrap();
    let handle = app.handle();
    for (name, file, message) in [
        ("protos.Kinds", "protos.proto", "Kinds"),
        ("protos.News", "protos.proto", "News"),
        ("protos.proto", "protos.proto", "Point"),
        // The framework's own.
        ("protos.Error", "protos.proto", "Error"),
        ("protos.ProtoNames", "protos.proto", "Session"),
        ("game.trees.Tree", "game/trees.proto", "Tree"),
        ("game/roots.proto", "game/roots.proto", "Root"),
        ("types.StringValue", "google/protobuf.proto", "StringValue"),
        (
            "google.protobuf.StringValue",
            "google/protobuf.proto",
            "StringValue",
        ),
    ] {
        let descriptor = inflated(&handle.descriptor(name).unwrap());
        assert_eq!(descriptor.name(), file, "{name}");
        let mut messages = descriptor.message_type.iter();
        assert!(messages.any(|found| found.name() == message), "{name}");
        for import in &descriptor.dependency {
            assert_eq!(inflated(&handle.descriptor(import).unwrap()).name(), import);
        }
    }
    for name in [
        "",
        "Kinds",
        "protos.Nobody",
        "protos.Color",
        "kinds.proto",
        "types.Point",
        "*",
    ] {
        let error = handle.descriptor(name).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            ("PIT-000", "failed to get protobuf message descriptor"),
            "{name}"
        );
        assert_eq!(error.metadata()["name"], name);
    }
    app.shutdown().await;
}

#[tokio::test]
async fn a_game_may_call_its_messages_like_the_frameworks_but_not_like_each_other() {
    #[message]
    struct Session {
        level: i32,
    }
    let app1 = app().describe::<Session>().start().await.unwrap();
    let file = inflated(&app1.handle().descriptor("protos.Session").unwrap());
    let session = file
        .message_type
        .iter()
        .find(|found| found.name() == "Session");
    let fields: Vec<_> = session
        .unwrap()
        .field
        .iter()
        .map(|field| field.name())
        .collect();
    assert_eq!(fields, ["level"]);
    app1.shutdown().await;

    mod other {
        #[pitaya::message]
        pub(super) struct News {
            pub(super) page: i32,
        }
    }
    let app2 = app()
        .describe::<News>()
        .describe::<other::News>()
        .start()
        .await
        .unwrap();
    let error = app2.handle().descriptor("protos.Doc").unwrap_err();
    assert_eq!(
        error.message(),
        "two message types are named `protos.News`: give one of them another package"
    );
    assert!(app2.handle().documentation(true)["handlers"].is_object());
    app2.shutdown().await;
}

#[tokio::test]
async fn clients_and_servers_are_told() {
    let hub = Hub::new();
    let gate = App::builder("gate")
        .config(Config::for_test())
        .acceptor(Tcp::bind("127.0.0.1:0"))
        .handler(Docs)
        .cluster(Cluster::local(&hub))
        .start()
        .await
        .unwrap();
    let room = App::builder("room")
        .config(Config::for_test())
        .handler(Garden)
        .remote(DocumentedServer::new(Docs))
        .cluster(Cluster::local(&hub))
        .start()
        .await
        .unwrap();

    let client = Client::connect(gate.local_addr(0).unwrap()).await.unwrap();
    let doc: Doc = client
        .request_without_argument("gate.docs.routes")
        .await
        .unwrap();
    let told: Value = serde_json::from_str(&doc.doc).unwrap();
    assert_eq!(told, gate.handle().documentation(true));
    let names = |names: &[&str]| ProtoNames {
        name: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let wanted = names(&["protos.Doc", "protos.proto"]);
    let found: ProtoDescriptors = client
        .request("gate.docs.descriptors", &wanted)
        .await
        .unwrap();
    let doc = gate.handle().descriptor("protos.Doc").unwrap();
    assert_eq!(found.desc, [doc.clone(), doc]);

    let docs = DocumentedClient::at(gate.handle(), "room");
    for get_protos in [false, true] {
        let doc = docs.routes(&DocMsg { get_protos }).await.unwrap();
        let told: Value = serde_json::from_str(&doc.doc).unwrap();
        assert_eq!(told, room.handle().documentation(get_protos));
    }
    let name = ProtoName {
        name: "game.trees.Tree".to_owned(),
    };
    let tree = docs.descriptor(&name).await.unwrap().desc;
    let several = docs
        .descriptors(&names(&["protos.Kinds", &name.name]))
        .await;
    assert_eq!(several.unwrap().desc[1], tree);
    let unknown = docs.descriptors(&names(&["protos.Kinds", "nobody"])).await;
    assert_eq!(unknown.unwrap_err().metadata()["name"], "nobody");
    let many = docs.descriptors(&names(&["protos.Kinds"; 1025])).await;
    assert_eq!(many.unwrap_err().code(), "PIT-400");
    room.shutdown().await;
    gate.shutdown().await;
}
