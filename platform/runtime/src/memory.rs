//! Where memory comes from, for every process. The C library keeps an arena for each thread and gives little of it back, so a
//! process that runs for long holds several times what it uses; mimalloc gives pages back that nobody has used for a moment.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
