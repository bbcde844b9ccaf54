//! The crate's sources, and what of them a model run compiles.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use syn::{Attribute, Expr, ImplItem, Item, Meta, Stmt, Token, punctuated::Punctuated};

/// The folder of the crate.
pub fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask lies in the crate's folder")
}

/// Every Rust file below `src`, by its path from the root, sorted.
pub fn files() -> Result<Vec<(String, String)>> {
    below("src")
}

/// Every Rust file below a folder of the crate, by its path from the root, sorted.
pub fn below(folder: &str) -> Result<Vec<(String, String)>> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                walk(&path, found)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found)?;
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root())?.display().to_string();
        Ok((name, fs::read_to_string(path)?))
    };
    found.into_iter().map(read).collect()
}

/// Whether a model run compiles what has these attributes.
pub fn is_compiled(attributes: &[Attribute]) -> bool {
    attributes.iter().all(|attribute| {
        !attribute.path().is_ident("cfg") || attribute.parse_args().is_ok_and(|meta| holds(&meta))
    })
}

/// Whether only a model run compiles what has these attributes.
pub fn is_for_models(attributes: &[Attribute]) -> bool {
    let for_models =
        |meta: Meta| meta.path().is_ident("loom") || meta.path().is_ident("anteroom_models");
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args().is_ok_and(for_models)
    })
}

/// Whether a `cfg` holds in a model run.
pub fn holds(meta: &Meta) -> bool {
    match meta {
        Meta::Path(path) => path.is_ident("loom") || path.is_ident("anteroom_models"),
        Meta::NameValue(pair) => {
            let wanted = match pair.path.get_ident().map(ToString::to_string).as_deref() {
                Some("target_os") => "linux",
                Some("target_env") => "gnu",
                Some("target_pointer_width") => "64",
                _ => return false,
            };
            matches!(&pair.value, Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. })
                if value.value() == wanted)
        }
        Meta::List(list) => {
            let parts = list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .unwrap_or_default();
            match list.path.get_ident().map(ToString::to_string).as_deref() {
                Some("all") => parts.iter().all(holds),
                Some("any") => parts.iter().any(holds),
                Some("not") => !parts.iter().all(holds),
                _ => false,
            }
        }
    }
}

/// The attributes of an item that may have code in it; `None` for others.
pub fn of_item(item: &Item) -> Option<&[Attribute]> {
    match item {
        Item::Fn(item) => Some(&item.attrs),
        Item::Impl(item) => Some(&item.attrs),
        Item::Mod(item) => Some(&item.attrs),
        _ => None,
    }
}

/// As [`of_item`].
pub fn of_impl_item(item: &ImplItem) -> Option<&[Attribute]> {
    match item {
        ImplItem::Fn(item) => Some(&item.attrs),
        _ => None,
    }
}

/// The attributes of a statement, of those kinds that have some in this crate.
pub fn of_stmt(stmt: &Stmt) -> &[Attribute] {
    match stmt {
        Stmt::Local(local) => &local.attrs,
        Stmt::Expr(Expr::If(expr), _) => &expr.attrs,
        Stmt::Expr(Expr::Return(expr), _) => &expr.attrs,
        Stmt::Expr(Expr::Block(expr), _) => &expr.attrs,
        Stmt::Expr(Expr::Call(expr), _) => &expr.attrs,
        Stmt::Expr(Expr::MethodCall(expr), _) => &expr.attrs,
        _ => &[],
    }
}
