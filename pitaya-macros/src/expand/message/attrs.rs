//! The options of `#[message(..)]` and `#[field(..)]`, each checked at its token.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Lit, LitStr, Token};

/// Lets every parser below report and go on.
pub(super) type Errors = Vec<syn::Error>;

/// How the names of all fields are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Camel,
}

impl Case {
    pub(super) fn apply(self, name: &str) -> String {
        match self {
            Self::Camel => {
                let mut words = name.split('_').filter(|word| !word.is_empty());
                let mut camel = words.next().unwrap_or(name).to_owned();
                for word in words {
                    let mut letters = word.chars();
                    camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                    camel.push_str(letters.as_str());
                }
                camel
            }
        }
    }
}

/// What `#[message(..)]` says.
pub(super) struct TypeOptions {
    pub(super) json: bool,
    pub(super) validate: bool,
    pub(super) omit_empty: bool,
    pub(super) package: String,
    pub(super) rename_all: Option<Case>,
    /// The path of the runtime crate, which a user may have renamed.
    pub(super) krate: syn::Path,
}

impl TypeOptions {
    const KNOWN: [&str; 6] = [
        "json",
        "package",
        "validate",
        "omit_empty",
        "rename_all",
        "crate",
    ];

    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self {
            json: false,
            validate: false,
            omit_empty: false,
            package: "protos".to_owned(),
            rename_all: None,
            krate: syn::parse_quote!(::pitaya),
        };
        let list = parse_list(|input: ParseStream<'_>| list_of(input), tokens, errors);
        for option in known(list, &Self::KNOWN, errors) {
            let result = match option.name.as_str() {
                "json" => option.flag().map(|()| options.json = true),
                "validate" => option.flag().map(|()| options.validate = true),
                "omit_empty" => option.flag().map(|()| options.omit_empty = true),
                "package" => option
                    .text()
                    .and_then(package)
                    .map(|name| options.package = name),
                "rename_all" => option
                    .text()
                    .and_then(case)
                    .map(|c| options.rename_all = Some(c)),
                _ => option
                    .text()
                    .and_then(|text| text.parse())
                    .map(|path| options.krate = path),
            };
            errors.extend(result.err());
        }
        options
    }
}

fn package(text: LitStr) -> syn::Result<String> {
    let name = text.value();
    if name.split('.').all(is_identifier) {
        return Ok(name);
    }
    Err(syn::Error::new(
        text.span(),
        format!("`{name}` is not a protobuf package, which is identifiers joined by dots"),
    ))
}

fn case(text: LitStr) -> syn::Result<Case> {
    match text.value().as_str() {
        "camel" => Ok(Case::Camel),
        other => Err(syn::Error::new(
            text.span(),
            format!("unknown case `{other}`, known is `camel`"),
        )),
    }
}

/// Whether protobuf takes this as a name.
pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What `#[field(..)]` may stand on; each place knows its own options.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Field,
    OneofVariant,
    Value,
}

impl Place {
    fn known(self) -> &'static [&'static str] {
        match self {
            Self::Field => &["number", "rename", "omit_empty", "oneof"],
            Self::OneofVariant => &["number", "rename"],
            Self::Value => &["rename"],
        }
    }
}

/// What `#[field(..)]` says.
#[derive(Default)]
pub(super) struct FieldOptions {
    pub(super) number: Option<(u32, Span)>,
    pub(super) rename: Option<LitStr>,
    pub(super) omit_empty: bool,
    pub(super) oneof: bool,
}

impl FieldOptions {
    /// Takes the `#[field(..)]` attributes out of the list.
    pub(super) fn take(attributes: &mut Vec<Attribute>, place: Place, errors: &mut Errors) -> Self {
        let mut list = Vec::new();
        attributes.retain(|attribute| {
            let ours = attribute.path().is_ident("field");
            if ours {
                list.extend(list_in(attribute, place, errors));
            }
            !ours
        });
        if let Place::Value = place {
            // A value has a number, but not here.
            list.retain(|option| {
                let number = option.name == "number";
                if number {
                    let message = "the number of a value stands behind its name: `Name = 1`";
                    errors.push(syn::Error::new(option.span, message));
                }
                !number
            });
        }
        let mut options = Self::default();
        for option in known(list, place.known(), errors) {
            let result = match option.name.as_str() {
                "number" => option
                    .number()
                    .map(|number| options.number = Some((number, option.span))),
                "rename" => option.text().map(|text| options.rename = Some(text)),
                "omit_empty" => option.flag().map(|()| options.omit_empty = true),
                _ => option.flag().map(|()| options.oneof = true),
            };
            errors.extend(result.err());
        }
        options
    }
}

fn list_in(attribute: &Attribute, place: Place, errors: &mut Errors) -> Vec<Opt> {
    match &attribute.meta {
        syn::Meta::List(list) if !list.tokens.is_empty() => parse_list(
            |input: ParseStream<'_>| list_of(input),
            list.tokens.clone(),
            errors,
        ),
        _ => {
            let message = format!(
                "`field` needs an option, known are {}",
                quoted(place.known())
            );
            errors.push(syn::Error::new(attribute.path().span(), message));
            Vec::new()
        }
    }
}

/// One option as written: `name`, `name = value`, or a bare value, which is the number.
struct Opt {
    name: String,
    span: Span,
    value: Option<Lit>,
}

impl Parse for Opt {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Lit) {
            let value: Lit = input.parse()?;
            return Ok(Self {
                name: "number".to_owned(),
                span: value.span(),
                value: Some(value),
            });
        }
        let name = input.call(Ident::parse_any)?;
        let mut option = Self {
            name: name.to_string(),
            span: name.span(),
            value: None,
        };
        if input.parse::<Option<Token![=]>>()?.is_some() {
            option.value = Some(input.parse()?);
        }
        Ok(option)
    }
}

fn list_of(input: ParseStream<'_>) -> syn::Result<Vec<Opt>> {
    Ok(Punctuated::<Opt, Token![,]>::parse_terminated(input)?
        .into_iter()
        .collect())
}

fn parse_list(
    parser: impl Parser<Output = Vec<Opt>>,
    tokens: TokenStream,
    errors: &mut Errors,
) -> Vec<Opt> {
    parser.parse2(tokens).unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    })
}

/// Keeps the options that are known and given once.
fn known(list: Vec<Opt>, known: &[&str], errors: &mut Errors) -> Vec<Opt> {
    let mut kept: Vec<Opt> = Vec::new();
    for option in list {
        let problem = if !known.contains(&option.name.as_str()) {
            format!(
                "unknown option `{}`, known are {}",
                option.name,
                quoted(known)
            )
        } else if kept.iter().any(|other| other.name == option.name) {
            format!("option `{}` is given twice", option.name)
        } else {
            kept.push(option);
            continue;
        };
        errors.push(syn::Error::new(option.span, problem));
    }
    kept
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Opt {
    fn flag(&self) -> syn::Result<()> {
        match &self.value {
            None => Ok(()),
            Some(value) => {
                let message = format!("option `{}` takes no value", self.name);
                Err(syn::Error::new(value.span(), message))
            }
        }
    }

    fn text(&self) -> syn::Result<LitStr> {
        match &self.value {
            Some(Lit::Str(text)) => Ok(text.clone()),
            other => {
                let span = other.as_ref().map_or(self.span, Spanned::span);
                let message = format!("option `{0}` takes a text: `{0} = \"..\"`", self.name);
                Err(syn::Error::new(span, message))
            }
        }
    }

    /// A field number, as protobuf allows it.
    fn number(&self) -> syn::Result<u32> {
        let Some(Lit::Int(literal)) = &self.value else {
            let span = self.value.as_ref().map_or(self.span, Spanned::span);
            return Err(syn::Error::new(
                span,
                "option `number` takes a field number: `number = 7`",
            ));
        };
        match literal.base10_parse::<u32>() {
            Ok(number @ 19_000..=19_999) => Err(syn::Error::new(
                literal.span(),
                format!("field number `{number}` is reserved: protobuf keeps 19000 to 19999"),
            )),
            Ok(number @ 1..=0x1fff_ffff) => Ok(number),
            _ => Err(syn::Error::new(
                literal.span(),
                format!("`{literal}` is not a field number, which is 1 to 536870911"),
            )),
        }
    }
}
