//! A message with a field of every kind, and values of it.

use std::collections::{BTreeMap, HashMap};

use pitaya::__private::bytes::Bytes;
use pitaya::message;
use proptest::collection::{btree_map, hash_map, vec};
use proptest::option;
use proptest::prelude::*;

#[message]
pub struct Point {
    pub x: i32,
    pub y: i64,
}

#[message]
#[derive(Copy, Eq)]
pub enum Color {
    Red,
    Green = 5,
    Blue,
    Dark = -3,
}

#[message]
pub struct Nothing;

#[message]
pub enum Figure {
    #[field(100)]
    Dot(Point),
    #[field(101)]
    Radius(f64),
    #[field(number = 102, rename = "Label")]
    Caption(String),
    #[field(103)]
    Tint(Color),
    #[field(104)]
    Gone(Nothing),
}

#[message]
pub struct Kinds {
    pub flag: bool,
    pub small: i32,
    pub large: i64,
    pub count: u32,
    pub total: u64,
    pub ratio: f32,
    pub exact: f64,
    pub name: String,
    pub data: Vec<u8>,
    pub shared: Bytes,
    pub color: Color,
    pub point: Point,

    pub maybe_flag: Option<bool>,
    pub maybe_small: Option<i32>,
    pub maybe_total: Option<u64>,
    pub maybe_exact: Option<f64>,
    pub maybe_name: Option<String>,
    pub maybe_data: Option<Vec<u8>>,
    pub maybe_color: Option<Color>,
    pub maybe_point: Option<Point>,
    pub child: Option<Box<Kinds>>,

    pub flags: Vec<bool>,
    pub smalls: Vec<i32>,
    pub larges: Vec<i64>,
    pub counts: Vec<u32>,
    pub totals: Vec<u64>,
    pub ratios: Vec<f32>,
    pub exacts: Vec<f64>,
    pub names: Vec<String>,
    pub blobs: Vec<Vec<u8>>,
    pub colors: Vec<Color>,
    pub points: Vec<Point>,

    pub scores: HashMap<String, i32>,
    pub places: BTreeMap<i32, Point>,
    pub tints: BTreeMap<u64, Color>,
    pub names_by: BTreeMap<bool, String>,

    #[field(oneof)]
    pub figure: Option<Figure>,
}

pub fn point() -> impl Strategy<Value = Point> {
    any::<(i32, i64)>().prop_map(|(x, y)| Point { x, y })
}

pub fn color() -> impl Strategy<Value = Color> {
    prop_oneof![
        Just(Color::Red),
        Just(Color::Green),
        Just(Color::Blue),
        Just(Color::Dark)
    ]
}

fn figure() -> impl Strategy<Value = Figure> {
    prop_oneof![
        point().prop_map(Figure::Dot),
        double().prop_map(Figure::Radius),
        any::<String>().prop_map(Figure::Caption),
        color().prop_map(Figure::Tint),
        Just(Figure::Gone(Nothing)),
    ]
}

/// No NaN, which equals nothing, and no minus zero, which prost takes for absent.
fn double() -> impl Strategy<Value = f64> {
    (prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO)
        .prop_map(|value| if value == 0.0 { 0.0 } else { value })
}

fn float() -> impl Strategy<Value = f32> {
    (prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::ZERO)
        .prop_map(|value| if value == 0.0 { 0.0 } else { value })
}

fn few<S: Strategy>(element: S) -> impl Strategy<Value = Vec<S::Value>> {
    vec(element, 0..4)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    few(any::<u8>())
}

prop_compose! {
    fn plain()(
        (flag, small, large, count, total) in any::<(bool, i32, i64, u32, u64)>(),
        (ratio, exact, name, data, shared) in (float(), double(), any::<String>(), bytes(), bytes()),
        (color, point) in (color(), point()),
    ) -> Kinds {
        let shared = Bytes::from(shared);
        Kinds {
            flag, small, large, count, total, ratio, exact, name, data, shared, color, point,
            ..Default::default()
        }
    }
}

prop_compose! {
    fn optional()(
        kinds in plain(),
        (maybe_flag, maybe_small, maybe_total, maybe_name) in any::<(Option<bool>, Option<i32>, Option<u64>, Option<String>)>(),
        (maybe_exact, maybe_data) in (option::of(double()), option::of(bytes())),
        (maybe_color, maybe_point) in (option::of(color()), option::of(point())),
        figure in option::of(figure()),
    ) -> Kinds {
        Kinds {
            maybe_flag, maybe_small, maybe_total, maybe_exact, maybe_name, maybe_data, maybe_color,
            maybe_point, figure, ..kinds
        }
    }
}

prop_compose! {
    fn repeated()(
        kinds in optional(),
        (flags, smalls, larges) in (few(any::<bool>()), few(any::<i32>()), few(any::<i64>())),
        (counts, totals) in (few(any::<u32>()), few(any::<u64>())),
        (ratios, exacts) in (few(float()), few(double())),
        (names, blobs) in (few(any::<String>()), few(bytes())),
        (colors, points) in (few(color()), few(point())),
    ) -> Kinds {
        Kinds {
            flags, smalls, larges, counts, totals, ratios, exacts, names, blobs, colors, points,
            ..kinds
        }
    }
}

prop_compose! {
    fn mapped()(
        kinds in repeated(),
        scores in hash_map(any::<String>(), any::<i32>(), 0..3),
        places in btree_map(any::<i32>(), point(), 0..3),
        tints in btree_map(any::<u64>(), color(), 0..3),
        names_by in btree_map(any::<bool>(), any::<String>(), 0..3),
    ) -> Kinds {
        Kinds { scores, places, tints, names_by, ..kinds }
    }
}

/// Values of [`Kinds`], some inside each other.
pub fn kinds() -> impl Strategy<Value = Kinds> {
    (mapped(), option::of(optional())).prop_map(|(kinds, child)| Kinds {
        child: child.map(Box::new),
        ..kinds
    })
}
