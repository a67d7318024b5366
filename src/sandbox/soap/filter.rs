//! Filters of a Retrieve: simple parts, and complex ones of two sides and more.
//!
//! Compares as the vendor's database seems to: numbers as numbers, other texts without regard to case.

use std::cmp::Ordering;

use roxmltree::Node;

use super::element::{child, child_text, children, text, type_name};
use super::objects::Object;

/// Parts within parts.
const DEPTH_MAX: usize = 32;

/// What an object has to be like.
#[derive(Clone)]
pub(super) enum Filter {
    Simple {
        property: String,
        operator: Operator,
        values: Vec<String>,
    },
    /// All of them.
    And(Vec<Self>),
    /// One of them at least.
    Or(Vec<Self>),
}

/// How a property is compared.
#[derive(Clone, Copy)]
pub(super) enum Operator {
    Equals,
    NotEquals,
    GreaterThan,
    GreaterThanOrEqual,
    LessThan,
    LessThanOrEqual,
    Between,
    In,
    Like,
    IsNull,
    IsNotNull,
}

/// The names of operators, and how many values each takes at least.
const OPERATORS: &[(&str, Operator, usize)] = &[
    ("equals", Operator::Equals, 1),
    ("notEquals", Operator::NotEquals, 1),
    ("greaterThan", Operator::GreaterThan, 1),
    ("greaterThanOrEqual", Operator::GreaterThanOrEqual, 1),
    ("lessThan", Operator::LessThan, 1),
    ("lessThanOrEqual", Operator::LessThanOrEqual, 1),
    ("between", Operator::Between, 2),
    ("IN", Operator::In, 1),
    ("like", Operator::Like, 1),
    ("isNull", Operator::IsNull, 0),
    ("isNotNull", Operator::IsNotNull, 0),
];

impl Filter {
    /// Reads a `Filter` element, or says what is wrong with it.
    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, String> {
        part(node, 0)
    }

    /// The properties that are asked about.
    pub(super) fn properties(&self) -> Vec<&str> {
        match self {
            Self::Simple { property, .. } => vec![property],
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::properties).collect(),
        }
    }

    pub(super) fn admits(&self, object: &Object) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.admits(object)),
            Self::Or(parts) => parts.iter().any(|part| part.admits(object)),
            Self::Simple {
                property,
                operator,
                values,
            } => holds(value(object, property), *operator, values),
        }
    }
}

fn part(node: Node<'_, '_>, depth: usize) -> Result<Filter, String> {
    if depth > DEPTH_MAX {
        return Err("The filter is nested too deeply.".to_owned());
    }
    match type_name(node) {
        Some("SimpleFilterPart") => simple(node),
        Some("ComplexFilterPart") => complex(node, depth + 1),
        Some(other) => Err(format!("A filter of type {other} is not supported.")),
        None => Err("The filter has no xsi:type.".to_owned()),
    }
}

fn simple(node: Node<'_, '_>) -> Result<Filter, String> {
    let property = child_text(node, "Property").ok_or("The filter names no Property.")?;
    let name = child_text(node, "SimpleOperator").ok_or("The filter has no SimpleOperator.")?;
    let (_, operator, least) = OPERATORS
        .iter()
        .find(|(known, ..)| *known == name)
        .ok_or_else(|| format!("SimpleOperator {name} is not supported."))?;
    let values: Vec<String> = children(node, "Value")
        .chain(children(node, "DateValue"))
        .map(text)
        .collect();
    if values.len() < *least {
        return Err(format!("SimpleOperator {name} needs {least} Value."));
    }
    Ok(Filter::Simple {
        property,
        operator: *operator,
        values,
    })
}

fn complex(node: Node<'_, '_>, depth: usize) -> Result<Filter, String> {
    let mut parts = Vec::new();
    for side in ["LeftOperand", "RightOperand"] {
        let side = child(node, side).ok_or_else(|| format!("The filter has no {side}."))?;
        parts.push(part(side, depth)?);
    }
    if let Some(more) = child(node, "AdditionalOperands") {
        for operand in children(more, "Operand") {
            parts.push(part(operand, depth)?);
        }
    }
    match child_text(node, "LogicalOperator").as_deref() {
        Some("AND") => Ok(Filter::And(parts)),
        Some("OR") => Ok(Filter::Or(parts)),
        _ => Err("LogicalOperator is neither AND nor OR.".to_owned()),
    }
}

fn value<'a>(object: &'a Object, property: &str) -> Option<&'a str> {
    object
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(property))
        .map(|(_, value)| value.as_str())
}

/// A property that is null meets no operator but `isNull`, as in SQL.
fn holds(value: Option<&str>, operator: Operator, values: &[String]) -> bool {
    let Some(value) = value else {
        return matches!(operator, Operator::IsNull);
    };
    let first = values.first().map_or("", String::as_str);
    let last = values.last().map_or("", String::as_str);
    match operator {
        Operator::IsNull => false,
        Operator::IsNotNull => true,
        Operator::Equals => compare(value, first).is_eq(),
        Operator::NotEquals => compare(value, first).is_ne(),
        Operator::GreaterThan => compare(value, first).is_gt(),
        Operator::GreaterThanOrEqual => compare(value, first).is_ge(),
        Operator::LessThan => compare(value, first).is_lt(),
        Operator::LessThanOrEqual => compare(value, first).is_le(),
        Operator::Between => compare(value, first).is_ge() && compare(value, last).is_le(),
        Operator::In => values.iter().any(|wanted| compare(value, wanted).is_eq()),
        Operator::Like => like(&value.to_lowercase(), &first.to_lowercase()),
    }
}

fn compare(left: &str, right: &str) -> Ordering {
    let numbers = (left.parse::<f64>(), right.parse::<f64>());
    if let (Ok(left), Ok(right)) = numbers {
        return left.total_cmp(&right);
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}

/// `LIKE` of SQL with `%` for any text.
fn like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('%') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    let (middle, end) = rest.rsplit_once('%').unwrap_or(("", rest));
    for piece in middle.split('%') {
        let Some((_, after)) = text.split_once(piece) else {
            return false;
        };
        text = after;
    }
    text.ends_with(end)
}
