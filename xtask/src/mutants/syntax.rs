//! What the finder of mutants asks of an expression.

use std::ops::Range;
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprPath, Stmt};

/// Models leave these out (`src/policy`), or nothing but these notices.
const NOT_MODELLED: &[&str] = &[
    "spin",
    "Spin",
    "collision",
    "handoff",
    "exclusive",
    "shared",
    "forget",
    "stay_awake",
    "let_holder_leave",
    "restart",
    "remember",
    "fetch_ahead",
    "fetch",
    "in_program_order",
];

pub fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

pub fn last(path: &ExprPath) -> String {
    path.path
        .segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}

/// Without parentheses, and out of an `unsafe` block that is nothing but this.
pub fn peeled(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => peeled(&paren.expr),
        Expr::Unsafe(block) => match &block.block.stmts[..] {
            [Stmt::Expr(inner, None)] => peeled(inner),
            _ => expr,
        },
        _ => expr,
    }
}

pub fn is_constant(expr: &Expr) -> bool {
    let is_constant = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    matches!(expr, Expr::Path(path) if is_constant(&last(path)))
}

/// `1`, or a constant that is named as one of something.
pub fn is_one(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(literal) => {
            matches!(&literal.lit, syn::Lit::Int(int) if int.base10_digits() == "1")
        }
        Expr::Path(path) => is_constant(expr) && last(path).starts_with("ONE"),
        _ => false,
    }
}

pub fn is_assignment(expr: &Expr) -> bool {
    use BinOp::*;
    match expr {
        Expr::Assign(_) => true,
        Expr::Binary(binary) => {
            matches!(
                binary.op,
                AddAssign(_) | SubAssign(_) | BitOrAssign(_) | BitAndAssign(_)
            )
        }
        _ => false,
    }
}

/// The name of what is called.
pub fn called(expr: &Expr) -> Option<String> {
    match expr {
        Expr::MethodCall(call) => Some(call.method.to_string()),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) => Some(last(path)),
            _ => None,
        },
        _ => None,
    }
}

/// The first name in it: the variable, the type or the module that it begins with.
pub fn begins_with(expr: &Expr) -> Option<String> {
    match expr {
        Expr::MethodCall(call) => begins_with(&call.receiver),
        Expr::Call(call) => begins_with(&call.func),
        Expr::Field(field) => begins_with(&field.base),
        Expr::Assign(assign) => begins_with(&assign.left),
        Expr::Path(path) => path
            .path
            .segments
            .first()
            .map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

pub fn is_modelled(expr: &Expr) -> bool {
    let names = [begins_with(expr), called(expr)];
    !names
        .iter()
        .flatten()
        .any(|name| NOT_MODELLED.contains(&name.as_str()))
}

/// Whether all that it decides is something that models leave out.
pub fn is_not_modelled(branch: &syn::ExprIf) -> bool {
    let [Stmt::Expr(only, _)] = &branch.then_branch.stmts[..] else {
        return false;
    };
    let is_step = called(only).is_some() || is_assignment(only);
    branch.else_branch.is_none() && is_step && !is_modelled(only)
}

pub fn is_debug(item: &syn::Item) -> bool {
    let syn::Item::Impl(item) = item else {
        return false;
    };
    let of = item
        .trait_
        .as_ref()
        .and_then(|(path, _)| path.segments.last());
    of.is_some_and(|name| name.ident == "Debug")
}

/// A function that can run when the crate is compiled: no mutant can be chosen there.
pub fn is_const(item: &syn::Item) -> bool {
    matches!(item, syn::Item::Fn(item) if item.sig.constness.is_some())
}

/// The operands of a chain of `&&`.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
            [conjuncts(&binary.left), conjuncts(&binary.right)].concat()
        }
        _ => vec![expr],
    }
}
