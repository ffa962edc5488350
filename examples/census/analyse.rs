//! The job of the processes: what is in a file.

use std::time::{Duration, Instant};

use executor::RemoteError;
use serde::{Deserialize, Serialize};
use syn::visit::{self, Visit};

/// The counts of one file.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Analysis {
    pub(crate) lines: u64,
    pub(crate) functions: u64,
    pub(crate) unsafe_blocks: u64,
    pub(crate) panics: u64,
    /// How many blocks are around the innermost one, itself included.
    pub(crate) deepest: u64,
    /// The time of the parser alone.
    pub(crate) parsing: Duration,
}

/// Parses `text` and counts what is in it.
///
/// The parser is recursive: text that nests deeper than the stack is high ends the process that runs this.
pub(crate) fn analyse(text: String) -> Result<Analysis, RemoteError> {
    let start = Instant::now();
    let file = syn::parse_file(&text)?;
    let parsing = start.elapsed();
    let lines = text.lines().count() as u64;
    drop(text);
    let mut counter = Counter { found: Analysis { lines, parsing, ..Analysis::default() }, depth: 0 };
    counter.visit_file(&file);
    Ok(counter.found)
}

struct Counter {
    found: Analysis,
    depth: u64,
}

impl<'ast> Visit<'ast> for Counter {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.found.functions += 1;
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.found.functions += 1;
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.found.functions += 1;
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.depth += 1;
        self.found.deepest = self.found.deepest.max(self.depth);
        visit::visit_block(self, block);
        self.depth -= 1;
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.found.unsafe_blocks += 1;
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        const PANICKING: [&str; 4] = ["unwrap", "expect", "unwrap_err", "expect_err"];
        if PANICKING.iter().any(|name| call.method == name) {
            self.found.panics += 1;
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        const PANICKING: [&str; 7] =
            ["panic", "unreachable", "todo", "unimplemented", "assert", "assert_eq", "assert_ne"];
        if call.path.segments.last().is_some_and(|last| PANICKING.iter().any(|name| last.ident == name)) {
            self.found.panics += 1;
        }
        visit::visit_macro(self, call);
    }
}
