//! The workspace as a value: its crates, what each declares, how much code it has.

use std::collections::BTreeSet;

/// The crates of the workspace and all packages of the lock file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    pub members: Vec<Member>,
    /// Names of every package that is locked, for any platform.
    pub locked: BTreeSet<String>,
}

/// One crate of the workspace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    /// From the root of the workspace: `cell/store`.
    pub folder: String,
    /// Direct dependencies, on our crates and on libraries.
    pub edges: Vec<Edge>,
    /// The manifest says `[lints] workspace = true`.
    pub lints_of_workspace: bool,
    /// It has a library or a binary.
    pub has_target: bool,
    /// Lines of code under `src`: neither empty nor comment alone.
    pub code_lines: usize,
}

/// A declared dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    pub to: String,
    pub kind: EdgeKind,
}

/// For what a dependency is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    Normal,
    Build,
    /// Tests only.
    Dev,
}

impl Graph {
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Direct dependencies of `member` on crates of the workspace.
    pub fn inner<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = &'a Edge> {
        member.edges.iter().filter(|edge| self.member(&edge.to).is_some())
    }

    /// Every crate of the workspace that `name` is built with or tested with, itself not among them. What a
    /// dependency needs for its own tests is not: it is never built for another crate.
    pub fn reached_from(&self, name: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut waiting: Vec<&Edge> = self
            .member(name)
            .into_iter()
            .flat_map(|member| self.inner(member))
            .collect();
        while let Some(edge) = waiting.pop() {
            if !reached.insert(edge.to.as_str()) {
                continue;
            }
            let next = self
                .member(&edge.to)
                .into_iter()
                .flat_map(|member| self.inner(member));
            waiting.extend(next.filter(|edge| edge.kind != EdgeKind::Dev));
        }
        reached
    }
}
