//! The types of `kinds` as prost derives them: another implementation to agree with.

use std::collections::{BTreeMap, HashMap};

use pitaya::__private::prost;

use super::kinds;

#[derive(Clone, PartialEq, prost::Message)]
pub struct Point {
    #[prost(int32, tag = "1")]
    pub x: i32,
    #[prost(int64, tag = "2")]
    pub y: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Nothing {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Color {
    Red = 0,
    Green = 5,
    Blue = 6,
    Dark = -3,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Figure {
    #[prost(message, tag = "100")]
    Dot(Point),
    #[prost(double, tag = "101")]
    Radius(f64),
    #[prost(string, tag = "102")]
    Caption(String),
    #[prost(enumeration = "Color", tag = "103")]
    Tint(i32),
    #[prost(message, tag = "104")]
    Gone(Nothing),
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Kinds {
    #[prost(bool, tag = "1")]
    pub flag: bool,
    #[prost(int32, tag = "2")]
    pub small: i32,
    #[prost(int64, tag = "3")]
    pub large: i64,
    #[prost(uint32, tag = "4")]
    pub count: u32,
    #[prost(uint64, tag = "5")]
    pub total: u64,
    #[prost(float, tag = "6")]
    pub ratio: f32,
    #[prost(double, tag = "7")]
    pub exact: f64,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub data: Vec<u8>,
    #[prost(bytes = "vec", tag = "10")]
    pub shared: Vec<u8>,
    #[prost(enumeration = "Color", tag = "11")]
    pub color: i32,
    #[prost(message, required, tag = "12")]
    pub point: Point,
    #[prost(bool, optional, tag = "13")]
    pub maybe_flag: Option<bool>,
    #[prost(int32, optional, tag = "14")]
    pub maybe_small: Option<i32>,
    #[prost(uint64, optional, tag = "15")]
    pub maybe_total: Option<u64>,
    #[prost(double, optional, tag = "16")]
    pub maybe_exact: Option<f64>,
    #[prost(string, optional, tag = "17")]
    pub maybe_name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "18")]
    pub maybe_data: Option<Vec<u8>>,
    #[prost(enumeration = "Color", optional, tag = "19")]
    pub maybe_color: Option<i32>,
    #[prost(message, optional, tag = "20")]
    pub maybe_point: Option<Point>,
    #[prost(message, optional, boxed, tag = "21")]
    pub child: Option<Box<Kinds>>,
    #[prost(bool, repeated, tag = "22")]
    pub flags: Vec<bool>,
    #[prost(int32, repeated, tag = "23")]
    pub smalls: Vec<i32>,
    #[prost(int64, repeated, tag = "24")]
    pub larges: Vec<i64>,
    #[prost(uint32, repeated, tag = "25")]
    pub counts: Vec<u32>,
    #[prost(uint64, repeated, tag = "26")]
    pub totals: Vec<u64>,
    #[prost(float, repeated, tag = "27")]
    pub ratios: Vec<f32>,
    #[prost(double, repeated, tag = "28")]
    pub exacts: Vec<f64>,
    #[prost(string, repeated, tag = "29")]
    pub names: Vec<String>,
    #[prost(bytes = "vec", repeated, tag = "30")]
    pub blobs: Vec<Vec<u8>>,
    #[prost(enumeration = "Color", repeated, tag = "31")]
    pub colors: Vec<i32>,
    #[prost(message, repeated, tag = "32")]
    pub points: Vec<Point>,
    #[prost(map = "string, int32", tag = "33")]
    pub scores: HashMap<String, i32>,
    #[prost(btree_map = "int32, message", tag = "34")]
    pub places: BTreeMap<i32, Point>,
    #[prost(btree_map = "uint64, enumeration(Color)", tag = "35")]
    pub tints: BTreeMap<u64, i32>,
    #[prost(btree_map = "bool, string", tag = "36")]
    pub names_by: BTreeMap<bool, String>,
    #[prost(oneof = "Figure", tags = "100, 101, 102, 103, 104")]
    pub figure: Option<Figure>,
}

impl From<kinds::Point> for Point {
    fn from(kinds::Point { x, y }: kinds::Point) -> Self {
        Self { x, y }
    }
}

fn number(color: kinds::Color) -> i32 {
    color as i32
}

impl From<kinds::Figure> for Figure {
    fn from(figure: kinds::Figure) -> Self {
        match figure {
            kinds::Figure::Dot(point) => Self::Dot(point.into()),
            kinds::Figure::Radius(radius) => Self::Radius(radius),
            kinds::Figure::Caption(text) => Self::Caption(text),
            kinds::Figure::Tint(color) => Self::Tint(number(color)),
            kinds::Figure::Gone(kinds::Nothing) => Self::Gone(Nothing {}),
        }
    }
}

impl From<kinds::Kinds> for Kinds {
    fn from(kinds: kinds::Kinds) -> Self {
        Self {
            flag: kinds.flag,
            small: kinds.small,
            large: kinds.large,
            count: kinds.count,
            total: kinds.total,
            ratio: kinds.ratio,
            exact: kinds.exact,
            name: kinds.name,
            data: kinds.data,
            shared: kinds.shared.to_vec(),
            color: number(kinds.color),
            point: kinds.point.into(),
            maybe_flag: kinds.maybe_flag,
            maybe_small: kinds.maybe_small,
            maybe_total: kinds.maybe_total,
            maybe_exact: kinds.maybe_exact,
            maybe_name: kinds.maybe_name,
            maybe_data: kinds.maybe_data,
            maybe_color: kinds.maybe_color.map(number),
            maybe_point: kinds.maybe_point.map(Into::into),
            child: kinds.child.map(|child| Box::new((*child).into())),
            flags: kinds.flags,
            smalls: kinds.smalls,
            larges: kinds.larges,
            counts: kinds.counts,
            totals: kinds.totals,
            ratios: kinds.ratios,
            exacts: kinds.exacts,
            names: kinds.names,
            blobs: kinds.blobs,
            colors: kinds.colors.into_iter().map(number).collect(),
            points: kinds.points.into_iter().map(Into::into).collect(),
            scores: kinds.scores,
            places: kinds
                .places
                .into_iter()
                .map(|(id, point)| (id, point.into()))
                .collect(),
            tints: kinds
                .tints
                .into_iter()
                .map(|(id, color)| (id, number(color)))
                .collect(),
            names_by: kinds.names_by,
            figure: kinds.figure.map(Into::into),
        }
    }
}
