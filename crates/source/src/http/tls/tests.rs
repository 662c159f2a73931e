//! Renewal, look by look: each way in which tools replace files, and each way in which it fails.

use super::*;
use std::fs;
use std::path::Path;

struct Made {
    cert: String,
    key: String,
}

fn made() -> Made {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    Made {
        cert: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

fn write(folder: &Path, made: &Made) -> PairFiles {
    fs::create_dir_all(folder).unwrap();
    let files = PairFiles {
        cert: folder.join("cert.pem"),
        key: folder.join("key.pem"),
    };
    fs::write(&files.cert, &made.cert).unwrap();
    fs::write(&files.key, &made.key).unwrap();
    files
}

fn tls(files: PairFiles) -> Tls {
    Tls::new(Pair::load(files).unwrap(), ClientCertificates::Off).unwrap()
}

#[test]
fn files_that_stay_the_same_are_used_once() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(), made());
    let tls = tls(write(folder.path(), &first));
    let config = tls.config();
    assert_eq!(tls.look(), Look::Same);
    write(folder.path(), &first);
    assert_eq!(tls.look(), Look::Same, "written again, but the same");
    assert!(Arc::ptr_eq(&config, &tls.config()));
    write(folder.path(), &second);
    assert_eq!(tls.look(), Look::Taken);
    assert_eq!(tls.look(), Look::Same);
    assert!(!Arc::ptr_eq(&config, &tls.config()));
}

#[cfg(unix)]
#[test]
fn swapped_symlinks_are_seen_as_certbot_and_kubernetes_swap_them() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let old = write(&at("archive/1"), &made());
    let new = write(&at("archive/2"), &made());

    // certbot: live/cert.pem → ../archive/1/cert.pem, one link after the other.
    fs::create_dir(at("live")).unwrap();
    let live = PairFiles {
        cert: at("live/cert.pem"),
        key: at("live/key.pem"),
    };
    symlink(&old.cert, &live.cert).unwrap();
    symlink(&old.key, &live.key).unwrap();
    let certbot = tls(live.clone());
    fs::remove_file(&live.cert).unwrap();
    assert_eq!(certbot.look(), Look::Odd, "for a moment it is missing");
    symlink(&new.cert, &live.cert).unwrap();
    assert_eq!(certbot.look(), Look::Odd, "the key is still the old one");
    fs::remove_file(&live.key).unwrap();
    symlink(&new.key, &live.key).unwrap();
    assert_eq!(certbot.look(), Look::Taken);

    // Kubernetes: cert.pem → ..data/cert.pem, and ..data is renamed over.
    symlink(at("archive/1"), at("..data")).unwrap();
    let mounted = PairFiles {
        cert: at("cert.pem"),
        key: at("key.pem"),
    };
    symlink("..data/cert.pem", &mounted.cert).unwrap();
    symlink("..data/key.pem", &mounted.key).unwrap();
    let kubernetes = tls(mounted);
    symlink(at("archive/2"), at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(kubernetes.look(), Look::Taken);
}

#[test]
fn what_can_not_be_used_is_complained_about_once_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(), made());
    let files = write(folder.path(), &first);
    let tls = tls(files.clone());
    let config = tls.config();
    let mismatch = |tls: &Tls| {
        fs::write(&files.key, &second.key).unwrap();
        assert_eq!(tls.look(), Look::Odd);
        assert_eq!(tls.look(), Look::Complained);
        assert_eq!(tls.look(), Look::Same);
        assert_eq!(tls.look(), Look::Same);
    };
    mismatch(&tls);
    fs::write(&files.cert, &first.cert[..100]).unwrap();
    assert_eq!(tls.look(), Look::Odd, "another mistake");
    assert_eq!(tls.look(), Look::Complained);
    fs::remove_file(&files.cert).unwrap();
    assert_eq!(tls.look(), Look::Odd, "and another");
    assert_eq!(tls.look(), Look::Complained);
    assert_eq!(tls.look(), Look::Same);
    write(folder.path(), &first);
    assert_eq!(tls.look(), Look::Same, "back to what is in use");
    mismatch(&tls);
    assert!(Arc::ptr_eq(&config, &tls.config()));
    write(folder.path(), &second);
    assert_eq!(tls.look(), Look::Taken);
}

#[test]
fn each_mistake_with_the_files_has_its_own_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let (good, other) = (made(), made());
    let encrypted = good.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let der = String::from_utf8_lossy(b"0\x82\x01").into_owned();
    for (cert, key, part, message, help) in [
        (
            &*good.key,
            &*good.key,
            Part::Cert,
            "holds a key, not",
            "swapped",
        ),
        (
            &good.cert,
            &good.cert,
            Part::Key,
            "holds a certificate, not",
            "swapped",
        ),
        (
            &good.cert,
            &other.key,
            Part::Key,
            "is not the key of",
            "made with",
        ),
        (
            &good.cert,
            &encrypted,
            Part::Key,
            "passphrase",
            "openssl pkey",
        ),
        (&good.cert, "", Part::Key, "holds no private key", "PEM"),
        ("", &good.key, Part::Cert, "holds no certificate", "PEM"),
        (&der, &good.key, Part::Cert, "is DER", "openssl x509"),
        (&good.cert[..200], &good.key, Part::Cert, "damaged", "again"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &good.key,
            Part::Cert,
            "no X.509",
            "again",
        ),
        (
            &" ".repeat(2 << 20),
            &good.key,
            Part::Cert,
            "larger than 1 MiB",
            "PEM",
        ),
    ] {
        let files = write(
            folder.path(),
            &Made {
                cert: cert.to_owned(),
                key: key.to_owned(),
            },
        );
        let error = Pair::load(files).unwrap_err();
        assert!(
            error.part == part && error.message.contains(message),
            "{error:?}"
        );
        assert!(error.help.contains(help), "{error:?}");
        let secret: String = good.key.lines().nth(1).unwrap().to_owned();
        assert!(!format!("{error:?}").contains(&secret));
    }
    let files = write(folder.path(), &good);
    fs::remove_file(&files.key).unwrap();
    let error = Pair::load(files).unwrap_err();
    assert!(error.message.contains("can't be read") && error.part == Part::Key);
}
