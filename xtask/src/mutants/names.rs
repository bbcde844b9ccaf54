//! What the crate's functions return, as far as their names tell: a call can be left out if it
//! gives `()`, and replaced by an answer if it gives `bool`.

use crate::source;
use anyhow::{Context, Result};
use std::collections::{HashMap, HashSet};
use syn::visit::{self, Visit};
use syn::{ReturnType, Signature, Type};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Unit,
    Bool,
    Never,
    Other,
}

/// For each name the kinds of all functions that have it.
#[derive(Default)]
pub struct Names(HashMap<String, HashSet<Kind>>);

impl Names {
    pub fn of_crate() -> Result<Self> {
        let mut names = Names::default();
        for (file, text) in source::files()? {
            names.visit_file(&syn::parse_file(&text).with_context(|| file)?);
        }
        Ok(names)
    }

    fn always(&self, name: &str, kind: Kind) -> bool {
        self.0
            .get(name)
            .is_some_and(|kinds| kinds.iter().all(|k| *k == kind))
    }

    pub fn gives_nothing(&self, name: &str) -> bool {
        self.always(name, Kind::Unit)
    }

    pub fn gives_bool(&self, name: &str) -> bool {
        name.starts_with("is_") || self.always(name, Kind::Bool)
    }

    pub fn diverges(&self, name: &str) -> bool {
        self.always(name, Kind::Never)
    }
}

impl Visit<'_> for Names {
    fn visit_signature(&mut self, signature: &Signature) {
        let kind = match &signature.output {
            ReturnType::Default => Kind::Unit,
            ReturnType::Type(_, given) => match &**given {
                Type::Never(_) => Kind::Never,
                Type::Path(path) if path.path.is_ident("bool") => Kind::Bool,
                _ => Kind::Other,
            },
        };
        self.0
            .entry(signature.ident.to_string())
            .or_default()
            .insert(kind);
        visit::visit_signature(self, signature);
    }
}
