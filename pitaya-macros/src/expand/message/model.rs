//! What an annotated type says, checked.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Fields, Ident, Item, ItemEnum, ItemStruct, Type, Variant};

use super::attrs::{Errors, FieldOptions, Place, TypeOptions, is_identifier};
use super::docs;

pub(super) struct Model {
    pub(super) ident: Ident,
    pub(super) docs: String,
    pub(super) options: TypeOptions,
    pub(super) kind: Kind,
    /// Whether the compiler can derive the default; else it is written out.
    pub(super) derives_default: bool,
    /// Whether the type was refused, so that the impls are there only to be there.
    pub(super) refused: bool,
}

pub(super) enum Kind {
    Record(Vec<Field>),
    Enumeration(Vec<Value>),
    Oneof(Vec<Field>),
}

/// A field of a struct, or a variant of a oneof with the value it holds.
pub(super) struct Field {
    pub(super) ident: Ident,
    /// The name on the wire.
    pub(super) key: String,
    /// Where to point at when the name is wrong.
    key_span: Span,
    pub(super) docs: String,
    pub(super) ty: Type,
    /// 0 in JSON-only types and for a oneof.
    pub(super) number: u32,
    explicit_number: Option<(u32, Span)>,
    pub(super) omit_empty: bool,
    pub(super) oneof: bool,
}

/// A value of an enumeration.
pub(super) struct Value {
    pub(super) ident: Ident,
    pub(super) key: String,
    pub(super) number: i32,
}

impl Model {
    /// Takes our attributes off the item and reads them; none for an item that can be no message.
    pub(super) fn build(
        item: &mut Item,
        options: TypeOptions,
        errors: &mut Errors,
    ) -> Option<Self> {
        let (ident, generics, attributes) = match item {
            Item::Struct(item) => (&item.ident, &item.generics, &item.attrs),
            Item::Enum(item) => (&item.ident, &item.generics, &item.attrs),
            other => {
                let message = "`message` goes on a struct or an enum";
                errors.push(syn::Error::new(first_span(other), message));
                return None;
            }
        };
        let (ident, docs) = (ident.clone(), docs(attributes));
        let generic = generics.params.first().map(Spanned::span);
        let mut derives_default = true;
        let kind = match item {
            Item::Struct(item) => Kind::Record(fields(item, &options, errors)),
            Item::Enum(item) if is_oneof(item, errors) => {
                derives_default = false;
                Kind::Oneof(variants(item, &options, errors))
            }
            Item::Enum(item) => {
                let values = values(item, &options, errors);
                derives_default = mark_default(item, &options, errors);
                Kind::Enumeration(values)
            }
            _ => return None,
        };
        if let Some(span) = generic {
            let message = format!("`{ident}` is generic, but a message has one form on the wire");
            errors.push(syn::Error::new(span, message));
            return None;
        }
        Some(Self {
            ident,
            docs,
            options,
            kind,
            derives_default,
            refused: false,
        })
    }

    /// The type's name in descriptors.
    pub(super) fn name(&self) -> String {
        self.ident.unraw().to_string()
    }

    /// Forgets all fields, for a type with mistakes.
    pub(super) fn empty(&mut self) {
        self.refused = true;
        match &mut self.kind {
            Kind::Record(list) | Kind::Oneof(list) => list.clear(),
            Kind::Enumeration(values) => values.clear(),
        }
    }
}

/// The keyword of an item, or what stands first.
fn first_span(item: &Item) -> Span {
    match item {
        Item::Union(item) => item.union_token.span,
        Item::Fn(item) => item.sig.fn_token.span,
        Item::Trait(item) => item.trait_token.span,
        Item::Impl(item) => item.impl_token.span,
        Item::Type(item) => item.type_token.span,
        other => other.span(),
    }
}

fn fields(item: &mut ItemStruct, options: &TypeOptions, errors: &mut Errors) -> Vec<Field> {
    let list = match &mut item.fields {
        Fields::Unit => return Vec::new(),
        Fields::Named(named) => &mut named.named,
        Fields::Unnamed(unnamed) => {
            for field in &mut unnamed.unnamed {
                FieldOptions::take(&mut field.attrs, Place::Field, errors);
            }
            let message = format!(
                "`{0}` needs named fields: `struct {0} {{ .. }}`",
                item.ident
            );
            errors.push(syn::Error::new(unnamed.span(), message));
            return Vec::new();
        }
    };
    let fields = list.iter_mut().filter_map(|field| {
        let given = FieldOptions::take(&mut field.attrs, Place::Field, errors);
        let ident = field.ident.clone()?;
        Some(Field::build(
            ident,
            &field.attrs,
            field.ty.clone(),
            given,
            options,
            errors,
        ))
    });
    let mut fields: Vec<_> = fields.collect();
    number(&mut fields, options, errors);
    check_unique(&fields, errors);
    fields
}

impl Field {
    fn build(
        ident: Ident,
        attributes: &[Attribute],
        ty: Type,
        given: FieldOptions,
        options: &TypeOptions,
        errors: &mut Errors,
    ) -> Self {
        let declared = ident.unraw().to_string();
        let (key, key_span) = name(&declared, &ident, given.rename.as_ref(), options, errors);
        if let Some((_, span)) = given.number {
            let problem = if options.json {
                "has no number, because the type is `#[message(json)]`"
            } else if given.oneof {
                "is a oneof, which has no number: its variants have them"
            } else {
                ""
            };
            if !problem.is_empty() {
                errors.push(syn::Error::new(span, format!("`{declared}` {problem}")));
            }
        }
        Self {
            ident,
            key,
            key_span,
            docs: docs(attributes),
            ty,
            number: 0,
            explicit_number: given.number,
            omit_empty: given.omit_empty || options.omit_empty,
            oneof: given.oneof && !options.json,
        }
    }
}

/// The name on the wire, and where to point at when it is wrong.
fn name(
    declared: &str,
    ident: &Ident,
    rename: Option<&syn::LitStr>,
    options: &TypeOptions,
    errors: &mut Errors,
) -> (String, Span) {
    let Some(rename) = rename else {
        let key = options
            .rename_all
            .map_or_else(|| declared.to_owned(), |case| case.apply(declared));
        return (key, ident.span());
    };
    let key = rename.value();
    let problem = if key.is_empty() {
        Some("a name must not be empty".to_owned())
    } else if !options.json && !is_identifier(&key) {
        Some(format!(
            "`{key}` is not a protobuf name, which is letters, digits and `_`, with no digit first"
        ))
    } else {
        None
    };
    if let Some(message) = problem {
        errors.push(syn::Error::new(rename.span(), message));
    }
    (key, rename.span())
}

/// Numbers are all given or all by order: a field put in between never renumbers in silence what
/// its author has numbered.
fn number(fields: &mut [Field], options: &TypeOptions, errors: &mut Errors) {
    if options.json {
        return;
    }
    let numbered = || {
        fields
            .iter()
            .find(|field| field.explicit_number.is_some() && !field.oneof)
    };
    let bare = fields
        .iter()
        .find(|field| field.explicit_number.is_none() && !field.oneof);
    if let (Some(numbered), Some(bare)) = (numbered(), bare) {
        let message = format!(
            "`{}` needs a number, because `{}` has one: `#[field(..)]`",
            bare.ident, numbered.ident
        );
        errors.push(syn::Error::new(bare.ident.span(), message));
        return;
    }
    let by_order = fields.iter_mut().filter(|field| !field.oneof).zip(1..);
    by_order.for_each(|(field, order)| {
        field.number = field.explicit_number.map_or(order, |(number, _)| number);
    });
}

fn check_unique(fields: &[Field], errors: &mut Errors) {
    for (n, field) in fields.iter().enumerate() {
        let earlier = fields.get(..n).unwrap_or_default();
        if let Some(other) = earlier.iter().find(|other| other.key == field.key) {
            let message = format!("the name `{}` is taken by `{}`", field.key, other.ident);
            errors.push(syn::Error::new(field.key_span, message));
        }
        let same_number = |other: &&Field| field.number != 0 && other.number == field.number;
        if let Some(other) = earlier.iter().find(same_number) {
            let span = field
                .explicit_number
                .map_or(field.ident.span(), |(_, span)| span);
            let message = format!(
                "field number `{}` is taken by `{}`",
                field.number, other.ident
            );
            errors.push(syn::Error::new(span, message));
        }
    }
}

/// Whether the variants hold values. Mixed or odd ones are reported.
fn is_oneof(item: &ItemEnum, errors: &mut Errors) -> bool {
    let Some(first) = item.variants.first() else {
        let message = format!("`{}` needs a variant", item.ident);
        errors.push(syn::Error::new(item.ident.span(), message));
        return false;
    };
    let oneof = !matches!(first.fields, Fields::Unit);
    for variant in &item.variants {
        let name = &variant.ident;
        let message = match &variant.fields {
            Fields::Unit if oneof => format!(
                "`{name}` holds no value but `{}` does: all variants do (a oneof) or none (an enumeration)",
                first.ident
            ),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 && oneof => continue,
            Fields::Unit => continue,
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => format!(
                "`{name}` holds a value but `{}` does not: all variants do (a oneof) or none (an enumeration)",
                first.ident
            ),
            _ => format!("`{name}` must hold exactly one value: `{name}(..)`"),
        };
        errors.push(syn::Error::new(name.span(), message));
        break;
    }
    oneof
}

fn variants(item: &mut ItemEnum, options: &TypeOptions, errors: &mut Errors) -> Vec<Field> {
    let mut fields = Vec::new();
    for variant in &mut item.variants {
        let given = FieldOptions::take(&mut variant.attrs, Place::OneofVariant, errors);
        let ident = variant.ident.clone();
        let Some(held) = variant.fields.iter().next() else {
            continue;
        };
        if given.number.is_none() && !options.json {
            let message = format!(
                "`{ident}` needs a field number, which no other field of the message has: `#[field(..)]`"
            );
            errors.push(syn::Error::new(ident.span(), message));
        }
        let ty = held.ty.clone();
        let mut field = Field::build(ident, &variant.attrs, ty, given, options, errors);
        field.number = field.explicit_number.map_or(0, |(number, _)| number);
        fields.push(field);
    }
    check_unique(&fields, errors);
    fields
}

fn values(item: &mut ItemEnum, options: &TypeOptions, errors: &mut Errors) -> Vec<Value> {
    let mut values = Vec::<Value>::new();
    let mut next = Some(0);
    for variant in &mut item.variants {
        let given = FieldOptions::take(&mut variant.attrs, Place::Value, errors);
        let ident = variant.ident.clone();
        let declared = ident.unraw().to_string();
        let (key, key_span) = match &given.rename {
            Some(_) => name(&declared, &ident, given.rename.as_ref(), options, errors),
            None => (declared, ident.span()),
        };
        if let Some(other) = values.iter().find(|other| other.key == key) {
            let message = format!("the name `{key}` is taken by `{}`", other.ident);
            errors.push(syn::Error::new(key_span, message));
        }
        let number = match discriminant(variant) {
            Ok(Some(number)) => number,
            Ok(None) => next.unwrap_or_default(),
            Err(error) => {
                errors.push(error);
                return values;
            }
        };
        if values.is_empty() && number != 0 && !options.json {
            let span = variant
                .discriminant
                .as_ref()
                .map_or(ident.span(), |(_, e)| e.span());
            let message = format!(
                "the number of `{ident}` must be 0: the first value of a protobuf enumeration is its default"
            );
            errors.push(syn::Error::new(span, message));
        }
        next = number.checked_add(1);
        values.push(Value { ident, key, number });
    }
    values
}

/// The number that a variant is given.
fn discriminant(variant: &Variant) -> syn::Result<Option<i32>> {
    let Some((_, value)) = &variant.discriminant else {
        return Ok(None);
    };
    let (negative, literal) = match value {
        syn::Expr::Unary(syn::ExprUnary {
            op: syn::UnOp::Neg(_),
            expr,
            ..
        }) => (true, &**expr),
        other => (false, other),
    };
    let parsed = match literal {
        syn::Expr::Lit(syn::ExprLit {
            lit: syn::Lit::Int(literal),
            ..
        }) => literal.base10_parse::<i64>().ok(),
        _ => None,
    };
    let number = parsed.map(|number| if negative { -number } else { number });
    number
        .and_then(|number| i32::try_from(number).ok())
        .map(Some)
        .ok_or_else(|| {
            let message = format!(
                "the number of `{}` must be a literal that fits an `i32`",
                variant.ident
            );
            syn::Error::new(value.span(), message)
        })
}

/// Marks the first variant as the default unless another is marked; false if none can be.
fn mark_default(item: &mut ItemEnum, options: &TypeOptions, errors: &mut Errors) -> bool {
    let is_default = |attribute: &Attribute| attribute.path().is_ident("default");
    for (n, variant) in item.variants.iter().enumerate() {
        let Some(attribute) = variant.attrs.iter().find(|a| is_default(a)) else {
            continue;
        };
        if n > 0 && !options.json {
            let message = format!(
                "`{}` cannot be the default: in protobuf it is the value with number 0",
                variant.ident
            );
            errors.push(syn::Error::new(attribute.path().span(), message));
        }
        return true;
    }
    match item.variants.first_mut() {
        Some(first) if matches!(first.fields, Fields::Unit) => {
            first.attrs.push(syn::parse_quote!(#[default]));
            true
        }
        _ => false,
    }
}
