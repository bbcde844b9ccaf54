//! What a result belongs to: the crate's code, and what the model is made of. So a new model, or a
//! change to another one, throws no result away.

use anyhow::{Context, Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use syn::Item;

/// Of each model, by its name. (Of a litmus program: its file's, by the name of that file.)
pub struct Fingerprints(HashMap<String, String>);

impl Fingerprints {
    /// Of the files that a build of models is made of.
    pub fn of(files: &[(String, String)]) -> Result<Self> {
        let (mut common, mut modules) = (DefaultHasher::new(), Vec::new());
        let mut litmus = Vec::new();
        for (file, text) in files {
            // As tokens, so that comments do not matter.
            let tokens: TokenStream = text.parse().map_err(|error| anyhow!("{file}: {error}"))?;
            let module = file.strip_prefix("loom-tests/");
            match module.and_then(|name| name.strip_suffix(".rs")) {
                Some("main") => {}
                Some(module) if module.starts_with("litmus") => {
                    litmus.push((module.to_string(), tokens.to_string()));
                }
                None | Some("model" | "ipc/mod") => tokens.to_string().hash(&mut common),
                Some(module) => modules.push((module.replace("ipc/", "ipc::models::"), tokens)),
            }
        }
        let mut prints = of_litmus(&litmus, &common);
        for (module, tokens) in modules {
            let file = syn::parse2::<syn::File>(tokens).with_context(|| module.clone())?;
            let parts = Parts::of(&file);
            for (name, row, body) in rows(&file) {
                let mut hasher = common.clone();
                row.hash(&mut hasher);
                parts.hash_with(&body, &mut hasher);
                let print = format!("{:016x}", hasher.finish());
                prints.insert(format!("{module}::{name}"), print);
            }
        }
        Ok(Fingerprints(prints))
    }

    pub fn of_model(&self, model: &str) -> Result<String> {
        let program = model.strip_prefix("litmus::");
        let (name, program) = match program.and_then(|program| program.split_once("::")) {
            Some((file, program)) => (file, Some(program)),
            None => (model, None),
        };
        let print = self.0.get(name);
        let print = print.with_context(|| format!("{model} stands in no `models!`"))?;
        // (The programs of a file end differently on a mutant.)
        Ok(program.map_or(print.clone(), |program| format!("{print} {program}")))
    }
}

/// Of the litmus files, whose text this is: what they have in common, and their own.
fn of_litmus(texts: &[(String, String)], common: &DefaultHasher) -> HashMap<String, String> {
    let own = |(module, _): &&(String, String)| {
        let name = module.strip_prefix("litmus/programs/");
        name.is_some_and(|name| name != "mod")
    };
    let (files, shared): (Vec<_>, Vec<_>) = texts.iter().partition(own);
    let print = |(module, text): &(String, String)| {
        let mut hasher = common.clone();
        shared.hash(&mut hasher);
        text.hash(&mut hasher);
        let name = module.trim_start_matches("litmus/programs/");
        (name.to_string(), format!("{:016x}", hasher.finish()))
    };
    files.into_iter().map(print).collect()
}

/// The models of a file: each one's name, what is said of it, and its function.
fn rows(file: &syn::File) -> Vec<(String, String, String)> {
    let lists = file.items.iter().filter_map(|item| match item {
        Item::Macro(item) if item.mac.path.is_ident("models") => Some(item.mac.tokens.to_string()),
        _ => None,
    });
    let mut rows = Vec::new();
    for list in lists {
        for row in list.split(',') {
            let Some((body, words)) = row.split_once(':') else {
                continue;
            };
            let body = body.trim().to_string();
            let how = words.split_whitespace().skip(1);
            let name = how.fold(body.clone(), |name, word| name + "_" + word);
            rows.push((name, row.to_string(), body));
        }
    }
    rows
}

/// The items of a file.
struct Parts {
    named: HashMap<String, TokenStream>,
    /// Implementations and the like: they may belong to any model.
    others: Vec<String>,
}

impl Parts {
    fn of(file: &syn::File) -> Self {
        let (mut named, mut others) = (HashMap::new(), Vec::new());
        for item in &file.items {
            let name = match item {
                Item::Fn(item) => &item.sig.ident,
                Item::Const(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Macro(item) if item.mac.path.is_ident("models") => continue,
                _ => {
                    others.push(quote::quote!(#item).to_string());
                    continue;
                }
            };
            named.insert(name.to_string(), quote::quote!(#item));
        }
        Parts { named, others }
    }

    /// With everything that the function needs.
    fn hash_with(&self, body: &str, hasher: &mut DefaultHasher) {
        let (mut needed, mut open) = (BTreeSet::new(), vec![body.to_string()]);
        while let Some(name) = open.pop() {
            if let Some(tokens) = self.named.get(&name)
                && needed.insert(name)
            {
                open.extend(words(tokens.clone()));
            }
        }
        self.others.hash(hasher);
        needed
            .iter()
            .for_each(|name| self.named[name].to_string().hash(hasher));
    }
}

fn words(tokens: TokenStream) -> Vec<String> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(words(group.stream())),
            TokenTree::Ident(word) => found.push(word.to_string()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::Fingerprints;

    fn of(models: &str, text: &str) -> Fingerprints {
        let text = format!("models! {{ {models} }} {text}");
        Fingerprints::of(&[("loom-tests/m.rs".into(), text)]).unwrap()
    }

    #[test]
    fn program_has_the_fingerprint_of_its_file_and_its_name() {
        let of = |ours: &str, shared: &str| {
            let files = [
                ("loom-tests/litmus/programs/m.rs", ours),
                ("loom-tests/litmus/programs/n.rs", "fn n() {}"),
                ("loom-tests/litmus.rs", shared),
            ];
            let files = files.map(|(name, text)| (name.to_string(), text.to_string()));
            Fingerprints::of(&files).unwrap()
        };
        let old = of("fn m() {}", "");
        let print = |prints: &Fingerprints, model| prints.of_model(model).unwrap();
        assert_ne!(print(&old, "litmus::m::a"), print(&old, "litmus::m::b"));
        let changed = of("fn m() { 1; }", "");
        assert_ne!(print(&old, "litmus::m::a"), print(&changed, "litmus::m::a"));
        assert_eq!(print(&old, "litmus::n::a"), print(&changed, "litmus::n::a"));
        let all = of("fn m() {}", "fn search() {}");
        assert_ne!(print(&old, "litmus::n::a"), print(&all, "litmus::n::a"));
    }

    #[test]
    fn only_what_a_model_is_made_of_changes_its_fingerprint() {
        let text = "fn a() { help(); } fn b() {} fn help() {}";
        let old = of("a: 1, b: 1 bare", text);
        let is_same = |new: &Fingerprints, model| {
            old.of_model(model).unwrap() == new.of_model(model).unwrap()
        };
        let helped = of(
            "a: 1, b: 1 bare",
            &text.replace("help() {}", "help() { 1; }"),
        );
        assert!(!is_same(&helped, "m::a") && is_same(&helped, "m::b_bare"));
        let deeper = of("a: 1, b: 2 bare, c: 1", &format!("{text} fn c() {{}}"));
        assert!(is_same(&deeper, "m::a") && !is_same(&deeper, "m::b_bare"));
    }
}
