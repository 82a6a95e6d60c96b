"""Movies that are read a block of frames after the other: the same atoms, in little memory."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from latticework.analysis.atoms import long_movies
from latticework.cli.frame_warnings import summed_up
from latticework.cli.main import main
from latticework.datasets.movies import Movie


@pytest.fixture
def movie(tmp_path, monkeypatch):
    """Nine frames of a lattice that drifts; the fifth says nothing. Blocks have four frames."""
    rng, frames = np.random.default_rng(0), []
    y, x = np.mgrid[:96, :96] * 0.25
    k = 1 / 2.13
    for number in range(9):
        waves = sum(
            np.cos(2 * np.pi * k * (np.cos(a) * (x + 0.05 * number) + np.sin(a) * y))
            for a in np.deg2rad([0, 60, 120])
        )
        frames.append(rng.poisson(200 * (1 - 0.1 * waves)))
    frames[4][:] = 7
    path = tmp_path / "movie.npy"
    np.save(path, np.array(frames, dtype=np.uint16))
    return path


def run(path, output, *more):
    words = ["predict", path, "--study", "graphene", "--pixel-size", 0.25, "--quiet", *more]
    return main([str(word) for word in (*words, "-o", output)])


def in_blocks(monkeypatch, frames=4):
    monkeypatch.setattr(long_movies, "SMALLEST_FILE", 0)
    monkeypatch.setattr(long_movies, "LONG", 0)
    monkeypatch.setattr(long_movies, "BLOCK", frames * 4 * 96 * 96)


def test_blocks_give_the_atoms_of_the_whole(movie, monkeypatch, capsys):
    whole, pieces = movie.with_name("whole.csv"), movie.with_name("pieces.csv")
    assert run(movie, whole) == 0
    told = capsys.readouterr()
    in_blocks(monkeypatch)
    overlay = movie.with_name("first.png")
    assert run(movie, pieces, "--overlay", overlay) == 0
    again = capsys.readouterr()
    assert pieces.read_bytes() == whole.read_bytes()
    assert sorted(pd.read_csv(pieces)["frame"].unique()) == [0, 1, 2, 3, 5, 6, 7, 8]
    assert told.out.splitlines()[-1].split(" atoms")[0] == again.out.splitlines()[-1].split(" ")[0]
    assert "frame 4: " in again.err
    assert overlay.read_bytes().startswith(b"\x89PNG")


def test_a_long_movie_goes_on_after_an_interruption(movie, monkeypatch, capsys):
    whole, pieces = movie.with_name("whole.csv"), movie.with_name("pieces.csv")
    in_blocks(monkeypatch)
    assert run(movie, whole) == 0
    capsys.readouterr()
    frames = Movie.frames

    def stopped(self, unreadable="error"):
        for frame in frames(self, unreadable):
            if frame.number == 6:
                raise KeyboardInterrupt
            yield frame

    with monkeypatch.context() as patched:
        patched.setattr(Movie, "frames", stopped)
        assert run(movie, pieces) == 130
    assert "goes on after the 4 frames" in capsys.readouterr().err
    assert run(movie, pieces) == 0
    assert "going on after 4 of 9 frames" in capsys.readouterr().out
    assert pieces.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("more", "message"),
    [(["--refine"], "--refine is for shorter ones"), (["--axes", "tyx"], "leave out --axes")],
)
def test_what_cannot_be_had_of_a_long_movie_is_refused(movie, more, message, monkeypatch, capsys):
    in_blocks(monkeypatch)
    output = movie.with_name("atoms.csv")
    assert run(movie, output, *more) == 2
    assert message in capsys.readouterr().err
    assert run(movie, output.with_suffix(".h5")) == 2
    assert "has to end in .csv" in capsys.readouterr().err
    assert not output.exists()


def test_a_short_movie_is_not_long(movie):
    assert long_movies.long_movie(movie) is None
    assert long_movies.long_movie(Path("nowhere.tif")) is None


def test_warnings_of_many_frames_are_one_line():
    said = [f"frame {n}: {n} of 90 candidates are doubtful" for n in range(1, 9)]
    assert summed_up(["the pixel is odd", *said, "frame 3: is constant"], 12) == [
        "the pixel is odd",
        "8 of 12 frames (1, 2, 3, 4, 5, 6, …): 1 of 90 candidates are doubtful",
        "frame 3: is constant",
    ]
