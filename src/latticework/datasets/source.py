"""Where a file, or a folder of files, comes from, and the checksum that it must have."""

import re
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import quote, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# What lies beside the files of a data set that is fetched.
RESERVED = ("SKIPPED", "reference", "probe", "composition")


def _inside(path: str) -> str:
    """A relative path inside its folder: a registry must not write elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~")) or "\\" in path or ".." in parts:
        raise ValueError("a relative path without '..', with '/' between folders")
    return path


def _plain_name(name: str) -> str:
    if not re.fullmatch(r"[^/\\.~][^/\\]*", name):
        raise ValueError("a file name, without a folder and without a leading dot")
    if name in RESERVED:
        raise ValueError(f"another name: {', '.join(RESERVED)} are the fetched folder's own")
    return name


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="sha256, 64 hex digits")]
RelativePath = Annotated[str, AfterValidator(_inside)]
FileName = Annotated[str, AfterValidator(_plain_name)]


class Source(BaseModel):
    """Where one file, or a folder of files, comes from: exactly one of a GitHub repository at a
    commit, a web address, or a path of the user's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    repository: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", description="GitHub repository, owner/name"
    )
    commit: str | None = Field(
        None, pattern=r"^[0-9a-f]{40}$", description="the full commit, 40 hex digits"
    )
    path_in_repository: RelativePath | None = Field(
        None, description="the file, or with `files` the folder that holds them"
    )
    url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="the file's address, or with `files` the folder's",
    )
    path: Path | None = Field(
        None,
        description="a file or folder of your own; a relative one counts from the folder in which "
        "the command is given",
    )
    sha256: Sha256 | None = Field(
        None, description="of a single file; needed for whatever is fetched"
    )
    md5: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{32}$",
        description="of a single file whose publisher states no sha256, 32 hex digits",
    )
    files: dict[FileName, Sha256] | None = Field(
        None, min_length=1, description="a set of files: name → sha256"
    )
    mirror: RelativePath | None = Field(
        None, description="the file or folder inside the mirror folder, where there is a mirror"
    )
    derived: str = Field(
        "",
        description="how the file was made of what is at the address, where it is not the same; "
        "such a file comes from the mirror only",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "Source":
        in_repository = (self.repository, self.commit, self.path_in_repository)
        if any(in_repository) and not all(in_repository):
            raise ValueError("repository, commit and path_in_repository go together")
        if sum(map(bool, (self.repository, self.url, self.path))) != 1:
            raise ValueError(
                "exactly one source is needed: repository + commit + path_in_repository, or url, "
                "or path"
            )
        if sum(map(bool, (self.sha256, self.md5, self.files))) > 1:
            raise ValueError("give sha256 or md5 for a single file, or files for a set, one only")
        if self.path is None and not (self.sha256 or self.md5 or self.files):
            raise ValueError(
                "a file that is fetched needs its sha256 (or files: name → sha256); "
                "`sha256sum FILE` tells it"
            )
        if self.path is not None and self.mirror:
            raise ValueError("a file of your own (path) has no mirror")
        if self.path is None and not self.files:
            for name in self.checksums:
                try:
                    _plain_name(name)
                except ValueError:
                    said = f"the address ends in '{name}', which is no file's name"
                    raise ValueError(said) from None
        if self.derived and not self.mirror:
            raise ValueError("a derived file can only come from a mirror: give its `mirror` path")
        return self

    @property
    def address(self) -> str:
        """Where the file, or the set's folder, is: a web address, or the user's path."""
        if self.repository:
            folder = f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/"
            return folder + quote(self.path_in_repository.rstrip("/"))
        return self.url.rstrip("/") if self.url else str(self.path)

    @property
    def checksums(self) -> dict[str, str]:
        """File name → checksum of what is fetched; a single file is named as its address is."""
        if self.files:
            return dict(self.files)
        # What is derived has a name of its own; another file lies at the address.
        # The address of a download may end in a query, which is no part of the name.
        web = unquote(urlsplit(self.url).path) if self.url else ""
        place = self.mirror if self.derived else self.path_in_repository or web
        return {PurePosixPath(place or "").name: self.sha256 or self.md5}

    def address_of(self, name: str) -> str:
        """The address of one of the `checksums`' files."""
        return f"{self.address}/{quote(name)}" if self.files else self.address

    def mirror_path(self, name: str) -> PurePosixPath | None:
        """The path of one of the `checksums`' files inside the mirror folder."""
        if self.mirror is None:
            return None
        return PurePosixPath(self.mirror, name) if self.files else PurePosixPath(self.mirror)
