//! What is broken, and how.
//!
//! | where | mutants |
//! |---|---|
//! | an `Ordering` | one step weaker, and each argument by itself |
//! | a fence | acquire and release only; none. (Heavy to light is no change in a model.) |
//! | a call or an assignment whose value is unused | left out |
//! | a condition, or a truth that is computed | true, false |
//! | an operand of `&&` or `\|\|` | left out |
//! | `<`, `<=`, `>`, `>=` | one more, one less |
//! | an operand of `\|`, or of `& !` | left out |
//! | what is added or subtracted | nothing; where it is one, two |
//! | how to go through a queue | another way |
//!
//! Left alone is what a model leaves out (spinning, turns, time), what only a model compiles, what
//! checks (assertions, accesses to the model's cells), constants and functions that make them, and
//! what macros write.

use super::names::Names;
use super::sites::Site;
use super::syntax::{
    called, conjuncts, is_assignment, is_const, is_constant, is_debug, is_modelled,
    is_not_modelled, is_one, last, peeled, range,
};
use crate::source;
use std::collections::HashSet;
use std::ops::Range;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprPath, Stmt, UnOp};

pub struct Finder<'a> {
    names: &'a Names,
    pub site: Site<'a>,
    /// Expressions for which something that encloses them has decided already.
    decided: HashSet<Range<usize>>,
}

impl<'a> Finder<'a> {
    pub fn new(names: &'a Names, site: Site<'a>) -> Self {
        Finder {
            names,
            site,
            decided: HashSet::new(),
        }
    }

    fn decide(&mut self, expr: &Expr) {
        self.decided.insert(range(expr));
        if let Expr::Paren(paren) = expr {
            self.decide(&paren.expr);
        }
    }

    fn instead(&mut self, expr: &Expr, mutated: &str) {
        let what = format!("`{}` → `{mutated}`", self.site.shown(range(expr)));
        self.site.instead(range(expr), what, mutated);
    }

    fn leave_out(&mut self, expr: &Expr) {
        let diverges = called(expr).is_some_and(|name| self.names.diverges(&name));
        if self.decided.insert(range(expr)) && is_modelled(expr) && !diverges {
            self.site.left_out(range(expr));
        }
    }

    fn is_truth(&self, expr: &Expr) -> bool {
        use BinOp::*;
        match expr {
            Expr::Binary(binary) => {
                matches!(
                    binary.op,
                    Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_) | And(_) | Or(_)
                )
            }
            Expr::Unary(unary) => {
                matches!(unary.op, UnOp::Not(_)) && self.is_truth(peeled(&unary.expr))
            }
            _ => called(expr).is_some_and(|name| self.names.gives_bool(&name)),
        }
    }

    /// An expression that is true or false.
    fn truth(&mut self, expr: &Expr) {
        if self.decided.contains(&range(expr)) {
            return;
        }
        let parts = conjuncts(expr);
        if parts.iter().any(|part| matches!(part, Expr::Let(_))) {
            if let Some(part) = parts.iter().find(|part| !matches!(part, Expr::Let(_))) {
                self.instead(part, "false");
            }
            self.decide(expr);
            return;
        }
        if !is_modelled(peeled(expr)) {
            return;
        }
        self.decide(expr);
        self.instead(expr, "true");
        self.instead(expr, "false");
    }

    /// Operands: the rest is as it would be without one, if this stands in its place.
    fn operands<const N: usize>(&mut self, operands: [&Expr; N], neutral: &str) {
        let is_chain = |op: &BinOp| matches!(op, BinOp::And(_) | BinOp::Or(_) | BinOp::BitOr(_));
        for expr in operands {
            match expr {
                Expr::Let(_) => {}
                // A number that is never zero.
                Expr::Path(path) if last(path) == "MIN" => {}
                // Its own operands come later.
                Expr::Binary(binary) if is_chain(&binary.op) => self.decide(expr),
                _ => {
                    self.decide(expr);
                    if is_modelled(peeled(expr)) {
                        self.instead(expr, neutral);
                    }
                }
            }
        }
    }

    fn ordering(&mut self, expr: &Expr, path: &ExprPath) {
        let weaker: &[&str] = match last(path).as_str() {
            "Acquire" | "Release" => &["Relaxed"],
            "AcqRel" => &["Acquire", "Release"],
            "SeqCst" => &["AcqRel"],
            _ => return,
        };
        for weaker in weaker {
            let what = format!("{} → {weaker}", last(path));
            let mutated = format!("crate::sys::Ordering::{weaker}");
            self.site.instead(range(expr), what, &mutated);
        }
    }

    fn fence(&mut self, expr: &Expr, name: &str) {
        let (weak, none) = match name {
            "light" | "full" | "fence_seq_cst" | "after_exchange" => {
                ("crate::mutant::weak_fence()", "()")
            }
            "heavy" => ("{ crate::mutant::weak_fence(); true }", "true"),
            "heavy_until" => (
                "{ crate::mutant::weak_fence(); crate::sys::deadline::Deadline::NEVER }",
                "crate::sys::deadline::Deadline::NEVER",
            ),
            _ => return,
        };
        self.decide(expr);
        let fence = self.site.shown(range(expr));
        self.site.instead(
            range(expr),
            format!("`{fence}` → acquire and release only"),
            weak,
        );
        self.site
            .instead(range(expr), format!("`{fence}` → none"), none);
    }

    /// One more, if it is one.
    fn twice(&mut self, expr: &Expr) {
        if is_one(expr) {
            let two = format!("2 * {}", self.site.text(range(expr)));
            self.instead(expr, &two);
        }
    }

    /// A different way to go through a queue.
    fn way(&mut self, expr: &Expr, path: &ExprPath) {
        let other = match self.site.text(range(path)) {
            "FilterOp::Unpark" => "FilterOp::Skip",
            "FilterOp::Skip" => "FilterOp::Stop",
            "FilterOp::Stop" => "FilterOp::Skip",
            "RequeueOp::UnparkOneRequeueRest" => "RequeueOp::RequeueAll",
            "RequeueOp::RequeueAll" => "RequeueOp::UnparkOneRequeueRest",
            _ => return,
        };
        self.instead(expr, other);
    }

    fn binary(&mut self, expr: &Expr, binary: &syn::ExprBinary) {
        use BinOp::*;
        if self.is_truth(expr) {
            self.truth(expr);
        }
        let (left, right) = (&*binary.left, &*binary.right);
        let bound = match binary.op {
            Lt(_) => "<=",
            Le(_) => "<",
            Gt(_) => ">=",
            Ge(_) => ">",
            _ => "",
        };
        match binary.op {
            And(_) => self.operands([left, right], "true"),
            Or(_) => self.operands([left, right], "false"),
            BitOr(_) => self.operands([left, right], "0"),
            BitAnd(_) if matches!(right, Expr::Unary(not) if matches!(not.op, UnOp::Not(_))) => {
                self.operands([right], "!0");
            }
            Add(_) if called(left).is_some_and(|name| name == "now") => {}
            Add(_) | Sub(_) | AddAssign(_) | SubAssign(_) => {
                self.decide(right);
                self.instead(right, "0");
                self.twice(right);
            }
            Lt(_) | Le(_) | Gt(_) | Ge(_) => {
                let text = |side: &Expr| self.site.text(range(side)).to_string();
                let mutated = format!("{} {bound} {}", text(left), text(right));
                self.instead(expr, &mutated);
            }
            Div(_) | Eq(_) | Ne(_) => [left, right].iter().for_each(|side| self.decide(side)),
            _ => {}
        }
    }
}

impl Visit<'_> for Finder<'_> {
    fn visit_item(&mut self, item: &syn::Item) {
        let has_code = source::of_item(item).is_some_and(|attributes| {
            source::is_compiled(attributes) && !source::is_for_models(attributes)
        });
        if has_code && !is_debug(item) && !is_const(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &syn::ImplItem) {
        let has_code = source::of_impl_item(item).is_some_and(|attributes| {
            source::is_compiled(attributes) && !source::is_for_models(attributes)
        });
        let is_const = matches!(item, syn::ImplItem::Fn(method) if method.sig.constness.is_some());
        if has_code && !is_const {
            visit::visit_impl_item(self, item);
        }
    }

    /// Patterns have no sites, but for the condition of one.
    fn visit_pat(&mut self, pattern: &syn::Pat) {
        if let syn::Pat::Guard(guarded) = pattern {
            self.truth(&guarded.guard);
            self.visit_expr(&guarded.guard);
        }
    }

    /// Nor do types and macros.
    fn visit_type(&mut self, _: &syn::Type) {}
    fn visit_macro(&mut self, _: &syn::Macro) {}

    /// The length of an array is a constant.
    fn visit_expr_repeat(&mut self, array: &syn::ExprRepeat) {
        self.visit_expr(&array.expr);
    }

    fn visit_stmt(&mut self, stmt: &Stmt) {
        let attributes = source::of_stmt(stmt);
        // A choice that only models have.
        let is_choice = matches!(stmt, Stmt::Expr(Expr::If(_) | Expr::Return(_), _));
        let choice = is_choice && source::is_for_models(attributes);
        if choice || !source::is_compiled(attributes) {
            return;
        }
        let unused = match stmt {
            Stmt::Expr(expr, Some(_)) => Some(peeled(expr)),
            Stmt::Local(syn::Local {
                pat: syn::Pat::Wild(_),
                init: Some(init),
                ..
            }) => Some(peeled(&init.expr)),
            _ => None,
        };
        if let Some(expr) = unused
            && let Some(name) = called(expr)
        {
            self.fence(expr, &name);
            self.leave_out(expr);
        }
        visit::visit_stmt(self, stmt);
    }

    fn visit_expr(&mut self, expr: &Expr) {
        let decided = self.decided.contains(&range(expr));
        match expr {
            Expr::If(branch) => {
                if let Expr::Macro(cfg) = &*branch.cond
                    && cfg.mac.path.is_ident("cfg")
                {
                    if cfg.mac.parse_body().is_ok_and(|meta| source::holds(&meta)) {
                        self.visit_block(&branch.then_branch);
                    }
                    return;
                }
                if !is_not_modelled(branch) {
                    self.truth(&branch.cond);
                }
            }
            Expr::While(repeat) => self.truth(&repeat.cond),
            Expr::Closure(closure) if self.is_truth(peeled(&closure.body)) => {
                self.truth(&closure.body)
            }
            Expr::Path(path) => {
                self.ordering(expr, path);
                if !decided {
                    self.way(expr, path);
                    if is_one(expr) {
                        self.instead(expr, "0");
                        self.twice(expr);
                    }
                }
            }
            Expr::Unary(not) if matches!(not.op, UnOp::Not(_)) => {
                if self.is_truth(expr) {
                    self.truth(expr);
                    self.decide(&not.expr);
                } else if is_constant(&not.expr) && !decided {
                    self.instead(expr, "!0");
                }
            }
            Expr::Binary(binary) if !is_assignment(expr) => self.binary(expr, binary),
            Expr::Assign(_) | Expr::Binary(_) => {
                self.leave_out(expr);
                if let Expr::Binary(binary) = expr {
                    self.binary(expr, binary);
                }
            }
            Expr::Call(_) | Expr::MethodCall(_) if !decided => {
                let name = called(expr).unwrap_or_default();
                self.fence(expr, &name);
                if self.names.gives_nothing(&name) {
                    self.leave_out(expr);
                }
            }
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}
