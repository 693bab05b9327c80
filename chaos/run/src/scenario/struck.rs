//! A world whose links can be struck, and that serves: what scenarios with faults begin and end with.

use anyhow::Result;
use cli_world::app::App;
use cli_world::stage::STOP_WITHIN;
use cli_world::{Progress, Stage, World, door, make};
use platform_runtime::TaskGroup;

use crate::faults::{Means, Scene};
use crate::load::Ways;
use crate::proxy::Proxies;
use crate::run::{Options, bring_up, copies};

/// With an app at its door.
pub struct Struck {
    pub world: World,
    pub app: App,
    proxies: Proxies,
    means: Means,
    ways: Ways,
    tasks: TaskGroup,
}

impl Struck {
    /// Up, with standbys if homes are to survive something.
    ///
    /// # Errors
    /// When the world does not come up.
    pub async fn up(options: &Options, stage: &Stage, progress: &dyn Progress) -> Result<Self> {
        make::make_behind_proxies(&stage.layout)?;
        let world = World::open(&stage.layout)?;
        let tasks = TaskGroup::new();
        let proxies = Proxies::start(&world, &tasks).await?;
        bring_up(options, &world, progress).await?;
        if let Some(goal) = &options.survival {
            copies::raise(&world, goal, progress).await?;
        }
        let app = App::new(door::client(&world.layout)?, &world.url());
        let ways = Ways {
            survives: options.survival.is_some(),
            moves: false,
        };
        Ok(Self {
            world,
            app,
            proxies,
            means: Means::default(),
            ways,
            tasks,
        })
    }

    /// For whoever strikes.
    pub fn scene(&self) -> Scene<'_> {
        Scene {
            world: &self.world,
            links: &self.proxies.links,
            means: &self.means,
            ways: self.ways,
        }
    }

    /// Every process ends, then every link.
    ///
    /// # Errors
    /// When a process may not be signalled.
    pub async fn down(&self) -> Result<()> {
        self.world.down(STOP_WITHIN).await?;
        self.tasks.shutdown(STOP_WITHIN).await;
        Ok(())
    }
}
