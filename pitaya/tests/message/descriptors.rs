//! What is known of a type without a value: statics, `.proto` text, descriptor protos.

use expect_test::expect;
use pitaya::message::descriptor::{
    DescriptorError, FieldType, Shape, file_descriptor_set, proto_files,
};
use pitaya::{Message, message};
use prost_types::field_descriptor_proto::{Label, Type};

use super::kinds::{Figure, Kinds, Point};

/// Where players meet.
///
/// Rooms have no owner.
#[message(package = "game.rooms")]
struct Room {
    /// Unique while the room lives.
    id: i64,
    /// May be absent.
    title: Option<String>,
    state: State,
    best: Option<Point>,
    /// Rooms inside this one.
    rooms: Vec<Room>,
    seats_by_team: std::collections::HashMap<String, Seat>,
    #[field(oneof)]
    figure: Option<Figure>,
}

/// What players may do.
#[message(package = "game.rooms")]
enum State {
    Open,
    InPlay = 2,
}

#[message(package = "game.rooms")]
struct Seat {
    room: Option<Box<Room>>,
}

#[message(json)]
struct OnlyJson {
    any: serde_json::Value,
}

#[test]
fn descriptors_say_what_the_source_says() {
    let room = Room::DESCRIPTOR;
    assert_eq!(room.full_name(), "game.rooms.Room");
    assert_eq!(room.docs, "Where players meet.\n\nRooms have no owner.");
    let Shape::Message(fields) = &room.shape else {
        panic!("{room:?}")
    };
    let summary: Vec<_> = fields
        .iter()
        .map(|field| (field.name, field.number, field.docs))
        .collect();
    assert_eq!(
        summary[..2],
        [
            ("id", 1, "Unique while the room lives."),
            ("title", 2, "May be absent.")
        ]
    );
    assert_eq!(summary[6], ("figure", 0, ""));
    assert!(
        matches!(fields[4].ty, FieldType::Repeated(FieldType::Declared(ty)) if std::ptr::eq(ty(), room))
    );
    let FieldType::Declared(state) = fields[2].ty else {
        panic!("{:?}", fields[2])
    };
    assert!(matches!(
        state().shape,
        Shape::Enum([("Open", 0), ("InPlay", 2)])
    ));
    assert!(matches!(OnlyJson::DESCRIPTOR.shape, Shape::Message([field]) if field.number == 0));
}

#[test]
fn proto_files_can_be_read_by_people() {
    let files = proto_files([Room::DESCRIPTOR, OnlyJson::DESCRIPTOR, Room::DESCRIPTOR]).unwrap();
    let text: String = files
        .iter()
        .map(|file| format!("// FILE {}\n{}\n", file.name, file.text))
        .collect();
    expect![[r#"
        // FILE protos.proto
        syntax = "proto3";

        package protos;

        enum Color {
          COLOR_RED = 0;
          COLOR_GREEN = 5;
          COLOR_BLUE = 6;
          COLOR_DARK = -3;
        }

        message Nothing {
        }

        message Point {
          int32 x = 1;
          int64 y = 2;
        }

        // FILE game/rooms.proto
        syntax = "proto3";

        package game.rooms;

        import "protos.proto";

        // Where players meet.
        //
        // Rooms have no owner.
        message Room {
          // Unique while the room lives.
          int64 id = 1;
          // May be absent.
          optional string title = 2;
          State state = 3;
          optional protos.Point best = 4;
          // Rooms inside this one.
          repeated Room rooms = 5;
          map<string, Seat> seats_by_team = 6;
          oneof figure {
            protos.Point Dot = 100;
            double Radius = 101;
            string Label = 102;
            protos.Color Tint = 103;
            protos.Nothing Gone = 104;
          }
        }

        message Seat {
          optional Room room = 1;
        }

        // What players may do.
        enum State {
          STATE_OPEN = 0;
          STATE_IN_PLAY = 2;
        }

    "#]]
    .assert_eq(&text);
}

#[test]
fn descriptor_protos_have_what_tools_look_for() {
    let set = file_descriptor_set([Room::DESCRIPTOR, Kinds::DESCRIPTOR]).unwrap();
    let names: Vec<_> = set.file.iter().map(|file| file.name()).collect();
    assert_eq!(names, ["protos.proto", "game/rooms.proto"]);
    let [protos, rooms] = &set.file[..] else {
        panic!("{names:?}")
    };
    assert_eq!(rooms.dependency, ["protos.proto"]);
    assert_eq!((rooms.package(), rooms.syntax()), ("game.rooms", "proto3"));
    assert_eq!(rooms.enum_type[0].value[1].name(), "STATE_IN_PLAY");

    let room = rooms
        .message_type
        .iter()
        .find(|message| message.name() == "Room")
        .unwrap();
    let oneofs: Vec<_> = room.oneof_decl.iter().map(|oneof| oneof.name()).collect();
    assert_eq!(oneofs, ["figure", "_title"]);
    let field = |name: &str| {
        room.field
            .iter()
            .find(|field| field.name() == name)
            .unwrap()
    };
    assert_eq!(
        (field("title").proto3_optional, field("title").oneof_index),
        (Some(true), Some(1))
    );
    assert_eq!(
        (field("best").proto3_optional, field("best").oneof_index),
        (None, None)
    );
    assert_eq!(
        (field("Dot").number(), field("Dot").oneof_index),
        (100, Some(0))
    );
    assert_eq!(
        (field("state").r#type(), field("state").type_name()),
        (Type::Enum, ".game.rooms.State")
    );
    assert_eq!(
        (field("rooms").label(), field("rooms").type_name()),
        (Label::Repeated, ".game.rooms.Room")
    );
    assert_eq!(field("best").type_name(), ".protos.Point");

    let entry = &room.nested_type[0];
    let seats = field("seats_by_team");
    assert_eq!(
        (seats.type_name(), seats.label()),
        (".game.rooms.Room.SeatsByTeamEntry", Label::Repeated)
    );
    assert_eq!(entry.name(), "SeatsByTeamEntry");
    assert_eq!(
        entry.options.as_ref().and_then(|options| options.map_entry),
        Some(true)
    );
    let parts: Vec<_> = entry
        .field
        .iter()
        .map(|field| (field.name(), field.number(), field.r#type()))
        .collect();
    assert_eq!(
        parts,
        [("key", 1, Type::String), ("value", 2, Type::Message)]
    );

    // Closed under references: every type that is named is there.
    let mut declared: Vec<String> = Vec::new();
    let mut named = Vec::new();
    for file in [protos, rooms] {
        declared.extend(
            file.enum_type
                .iter()
                .map(|ty| format!(".{}.{}", file.package(), ty.name())),
        );
        for message in &file.message_type {
            let name = format!(".{}.{}", file.package(), message.name());
            declared.extend(
                message
                    .nested_type
                    .iter()
                    .map(|nested| format!("{name}.{}", nested.name())),
            );
            let fields = message
                .field
                .iter()
                .chain(message.nested_type.iter().flat_map(|ty| &ty.field));
            named.extend(fields.filter_map(|field| field.type_name.clone()));
            declared.push(name);
        }
    }
    assert!(named.len() > 15);
    assert_eq!(
        named.iter().filter(|name| !declared.contains(name)).count(),
        0
    );
}

mod other {
    #[pitaya::message(package = "game.rooms")]
    pub struct Room {}

    #[pitaya::message(package = "a")]
    pub struct A {
        b: Option<Box<B>>,
    }

    #[pitaya::message(package = "b")]
    pub struct B {
        a: Option<Box<A>>,
    }
}

#[test]
fn types_that_cannot_stand_together_are_refused() {
    let same_name = file_descriptor_set([Room::DESCRIPTOR, other::Room::DESCRIPTOR]).unwrap_err();
    assert_eq!(
        same_name,
        DescriptorError::Duplicate("game.rooms.Room".into())
    );
    let circle = proto_files([other::A::DESCRIPTOR]).unwrap_err();
    assert_eq!(circle, DescriptorError::Circle("a".into()));
}
