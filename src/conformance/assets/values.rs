//! Rules about the fields of an asset.

use crate::asset::{
    Checksum, ExternalLabel, NewAsset, ObjectKey, ObjectName, UploadSize, UploadState,
};
use crate::conformance::verdict::{Broken, Verdict, called, demand};
use crate::conformance::world::{NO_CAPS, NOW, World, duplicate, key, label, named, unusable};
use crate::ports::DirectoryStore;
use crate::ports::{AssetStore, CreateOutcome, StoreError};

/// Every field of an asset reads back unchanged, from `find` and as a duplicate: optional fields
/// with and without a value, times to the microsecond with any offset, sizes from 1 byte to 5 GiB.
///
/// **Why.** The service derives from these fields the name and type of a download, new upload data,
/// and the check of an upload. The first to notice a lost field is the user whose file it was.
pub async fn every_field_reads_back<Store: AssetStore + DirectoryStore>(store: Store) -> Verdict {
    let world = World::new(store).await?;
    let mut full = world.asset_with("github", "7")?;
    full.media_type = media_type("application/vnd.oasis.opendocument.text")?;
    full.size = UploadSize::MAX;
    full.project = Some(world.project);
    let east = time::UtcOffset::from_hms(2, 0, 0).map_err(|_| unusable("+02:00"))?;
    full.created_at = NOW.to_offset(east);
    let mut bare = world.asset_by(world.colleague)?;
    bare.size = UploadSize::new(1).map_err(|_| unusable("1"))?;
    for new in [&full, &bare] {
        world.must_create(new).await?;
    }
    for new in [&full, &bare] {
        world.must_hold(new, &UploadState::Pending).await?;
    }
    let created = world.create(&full).await?;
    duplicate(&created, &full, &UploadState::Pending)
}

/// Names, keys and labels read back character by character: other scripts, emoji, combining
/// accents, quotes, percent signs, line separators, and text that looks like SQL.
///
/// **Why.** A database with the wrong encoding fails, or worse, stores `?`. A database that
/// normalises changes the key, and no object has the changed key.
pub async fn unicode_reads_back_as_it_was<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for text in [
        "e\u{301}té 文件 🦀",
        "ﷺ %_'; DROP TABLE asset; --",
        "\\n \\\\ \"quoted\" $1 ?1 {x} \\u0000",
        "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{200b}\u{2028}\u{feff}\u{202e}",
        "İıſßﬁ",
        "  blanks  ",
        "नमस्ते עברית العربية",
        "\u{10ffff}\u{fffd}",
    ] {
        let name = format!("{text}.png");
        let mut new = named(world.home.id(), world.member, &name)?;
        new.key = key(&format!("{}/{}-{text}", world.home.id(), new.id))?;
        new.external.source = label(text)?;
        new.external.id = label(text)?;
        world.must_create(&new).await?;
        world.must_hold(&new, &UploadState::Pending).await?;
        let created = world.create(&new).await?;
        duplicate(&created, &new, &UploadState::Pending)?;
    }
    Ok(())
}

/// The store keeps the longest values: a display name that nearly fills a body of 64 KiB, an object
/// name of 255 bytes and its key, a type of 255 characters, and labels of 255 characters of four
/// bytes each.
///
/// **Why.** The service promises these limits to its clients. A shorter column fails a correct
/// request with 500. (A name of 731 characters does so in a running Plane.)
pub async fn the_longest_values_are_kept<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    const NAME_BYTES: usize = 65_000;
    let world = World::new(store).await?;
    for letter in ["a", "文", "🦀"] {
        let name = letter.repeat(NAME_BYTES / letter.len()) + ".png";
        let mut new = named(world.home.id(), world.member, &name)?;
        demand(
            new.object_name.as_str().len() > ObjectName::MAX_BYTES - letter.len(),
            unusable("a long name"),
        )?;
        let longest = letter.repeat(ExternalLabel::MAX_CHARS);
        new.external.source = label(&longest)?;
        new.external.id = label(&longest)?;
        new.media_type = media_type(&format!("{}/{}", "x".repeat(127), "y".repeat(127)))?;
        new.size = UploadSize::MAX;
        world.must_create(&new).await?;
        world.must_hold(&new, &UploadState::Pending).await?;
        let created = world.create(&new).await?;
        duplicate(&created, &new, &UploadState::Pending)?;
    }
    Ok(())
}

/// The store keeps a key of 1,024 bytes and a checksum, or refuses the asset with
/// [`StoreError::Failed`] and inserts nothing. A host's own key strategy may produce such keys.
///
/// **Why.** Some tables have no room for them. A cut key points to another object. A dropped
/// checksum is not checked when the upload is completed.
pub async fn what_does_not_fit_is_refused_never_cut<Store: AssetStore + DirectoryStore>(
    store: Store,
) -> Verdict {
    let world = World::new(store).await?;
    for letter in ["k", "文"] {
        let mut new = world.asset_with("key", letter)?;
        let start = format!("{}/{}/", world.home.id(), new.id);
        let rest = letter.repeat((ObjectKey::MAX_BYTES - start.len()) / letter.len());
        new.key = key(&(start + &rest))?;
        kept_or_refused(&world, &new, "a long key").await?;
    }
    let mut new = world.asset_with("checksum", "1")?;
    new.checksum = Some(Checksum::new(std::array::from_fn(|n| {
        u8::try_from(n).unwrap_or_default()
    })));
    kept_or_refused(&world, &new, "a checksum").await
}

async fn kept_or_refused<Store: AssetStore + DirectoryStore>(
    world: &World<Store>,
    new: &NewAsset,
    what: &str,
) -> Verdict {
    match world.store.create(&world.home, new.clone(), NO_CAPS).await {
        Ok(CreateOutcome::New) => world.must_hold(new, &UploadState::Pending).await,
        Err(StoreError::Failed(_)) => {
            world.must_lack(new.id, "the store refused it").await?;
            let mut other = world.asset()?;
            other.external = new.external.clone();
            world.must_create(&other).await
        }
        other => Err(Broken::new(format_args!(
            "`create` of an asset with {what} returns {:?}",
            called("create", other)?
        ))),
    }
}

fn media_type(text: &str) -> Result<crate::asset::MediaType, Broken> {
    text.parse().map_err(|_| unusable(text))
}
