"""Licences of everything that the lock file installs."""

import importlib.metadata
import re

# Licences that ask for more than to be named.
COPYLEFT = re.compile(r"GPL|MPL|EPL|EUPL|BUSL|Business Source|Mozilla|Commons Clause|SSPL|Elastic", re.IGNORECASE)

EXCEPTIONS = {
    # Tools of development: they are in no image.
    "hypothesis": "MPL-2.0",
    "pathspec": "MPL-2.0",
    # Unchanged files under the MPL ask for no more than to stay available as they are.
    "certifi": "MPL-2.0",
    "orjson": "MPL-2.0",
    "shtab": "MPL-2.0",
    "tqdm": "MPL-2.0",
    # A choice: EPL-2.0 or Apache-2.0 is taken.
    "asyncssh": "EPL-2.0 OR GPL-2.0-or-later",
    "dulwich": "Apache-2.0 OR GPL-2.0-or-later",
    "grandalf": "EPL-1.0 OR GPL-2.0",
    # Libraries of DVC and of database drivers, which we neither change nor link: DVC runs as a program of its own.
    "pygit2": "GPL-2.0 with linking exception",
    "psycopg2-binary": "LGPL-3.0 with exceptions",
}


def licence_of(distribution: importlib.metadata.Distribution) -> str:
    about = distribution.metadata
    classifiers = [one.split("::")[-1] for one in about.get_all("Classifier") or [] if one.startswith("License ::")]
    named = [*(about.get_all("License-Expression") or []), *(text[:80] for text in about.get_all("License") or [])]
    return " ".join([*named, *classifiers])


def test_every_licence_is_permissive_or_a_known_exception() -> None:
    licences = {one.metadata["Name"].lower(): licence_of(one) for one in importlib.metadata.distributions()}
    asking = {name for name, licence in licences.items() if COPYLEFT.search(licence)}
    assert asking - EXCEPTIONS.keys() == set()
    assert not any(re.search("AGPL|Affero|BUSL|Business", licences[name]) for name in asking)
