//! From schema files to Rust files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use prost_build::Module;
use prost_reflect::DescriptorPool;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};

use crate::error::SchemaError;
use crate::event::Event;
use crate::options::{self, Options};
use crate::table::Table;
use crate::{check, event, generate, redact};

/// Compiles `protos`, looked up under `includes`, into `OUT_DIR`: one `<package>.rs` for each package. To be called from
/// a build script, to which it says when to run again.
///
/// # Errors
/// [`SchemaError::Violations`] names everything that breaks a rule; [`SchemaError::Syntax`] what is not protobuf.
#[expect(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]
pub fn compile(protos: &[&str], includes: &[&str]) -> Result<(), SchemaError> {
    for path in protos.iter().chain(includes) {
        println!("cargo::rerun-if-changed={path}");
    }
    let out = std::env::var_os("OUT_DIR").ok_or(SchemaError::NoOutDir)?;
    compile_to(protos, includes, Path::new(&out)).map(drop)
}

/// Like [`compile()`], into any directory and in silence. Returns the files, sorted.
///
/// # Errors
/// As [`compile()`].
pub fn compile_to(
    protos: &[impl AsRef<Path>],
    includes: &[impl AsRef<Path>],
    out: &Path,
) -> Result<Vec<PathBuf>, SchemaError> {
    let pool = pool(protos, includes)?;
    let (tables, events) = check::check(&pool).map_err(SchemaError::Violations)?;
    let mut files = Vec::new();
    for (name, code) in generated(&pool, &tables, &events)? {
        let path = out.join(name);
        std::fs::write(&path, code).map_err(|source| SchemaError::Write {
            path: path.clone(),
            source,
        })?;
        files.push(path);
    }
    Ok(files)
}

fn pool(protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<DescriptorPool, SchemaError> {
    let mut resolver = ChainFileResolver::new();
    for include in includes {
        resolver.add(IncludeFileResolver::new(include.as_ref().to_owned()));
    }
    resolver.add(OptionsResolver);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true).include_source_info(true);
    compiler
        .open_file(options::FILE)
        .map_err(|error| syntax(&error))?;
    compiler
        .open_files(protos.iter().map(AsRef::as_ref))
        .map_err(|error| syntax(&error))?;
    Ok(compiler.descriptor_pool())
}

/// `Debug` of protox's errors has file, line and column; its `Display` has not.
fn syntax(error: &protox::Error) -> SchemaError {
    SchemaError::Syntax(format!("{error:?}"))
}

/// The options are on the include path without a copy in each domain.
struct OptionsResolver;

impl FileResolver for OptionsResolver {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == options::FILE {
            File::from_source(name, options::SOURCE)
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// File name -> code, one file for each package.
fn generated(
    pool: &DescriptorPool,
    tables: &[Table],
    events: &[Event],
) -> Result<BTreeMap<String, String>, SchemaError> {
    let ours: Vec<_> = pool.files().filter(check::is_ours).collect();
    let module = |package: &str| Module::from_protobuf_package_name(package);
    let requests = ours
        .iter()
        .map(|file| (module(file.package_name()), file.file_descriptor_proto().clone()))
        .collect();
    let mut config = prost_build::Config::new();
    config.skip_debug(["."]).format(false);
    // `skip_debug` takes it from enums too, which name no value of a person by themselves.
    for one in pool.all_enums().filter(|one| check::is_ours(&one.parent_file())) {
        config.enum_attribute(format!(".{}", one.full_name()), "#[derive(Debug)]");
    }
    let mut modules = config.generate(requests).map_err(SchemaError::Generate)?;
    let options = Options::of(pool);
    for file in &ours {
        let code = modules.entry(module(file.package_name())).or_default();
        redact::append_debug(code, file, &options);
    }
    for (name, code) in &mut modules {
        generate::append_tables(
            code,
            tables.iter().filter(|table| module(&table.package) == *name),
        );
        event::append(
            code,
            events.iter().filter(|event| module(&event.package) == *name),
        );
    }
    Ok(modules
        .into_iter()
        .map(|(module, code)| (module.to_file_name_or("records"), code))
        .collect())
}
