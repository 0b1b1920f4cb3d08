#!/usr/bin/env python3
"""Training under mpirun: mpi_test.py PROGRAM. KILLS=20 kills a rank that often (default 2).

Skipped (77) where there is no mpirun, or the program was built without MPI."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROGRAM = sys.argv[1]
KILLS = int(os.environ.get("KILLS", "2"))
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none"]
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMP_WAIT_POLICY="passive", PRTE_ALLOW_RUN_AS_ROOT="1",
                   PRTE_ALLOW_RUN_AS_ROOT_CONFIRM="1")
SETTINGS = ("codebook_size=16 semantic_dims=16 hidden=16 feed_forward=32 max_length=8 "
            "batch_users=32 dropout=0 epochs=4 patience=100").split()
CLOSE = 1e-4


def command(ranks, *words):
    train = [PROGRAM, "--threads", "1", *words]
    return train if ranks == 1 else [*MPIRUN, "-n", str(ranks), *train]


def start(ranks, *words):
    return subprocess.Popen(command(ranks, *words), env=ENVIRONMENT, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(ranks, *words):
    done = start(ranks, *words)
    out, err = done.communicate(timeout=300)
    return done.returncode, out, err


def must(ranks, *words):
    code, out, err = run(ranks, *words)
    assert code == 0, f"{words}: exit {code}\n{out}\n{err}"
    return out


def train(data, out, *more, recipe="paper"):
    return ["train", "--recipe", recipe, "--data", data, "--out", out, *more]


def settings(*more):
    return [word for setting in [*SETTINGS, *more] for word in ("--set", setting)]


def epochs(model):
    with open(model + "/training.jsonl") as file:
        return [json.loads(line) for line in file]


def expect_same_losses(model, other, first=CLOSE):
    """Sums in another order set codes apart that are close calls: what is one over the first epoch
    drifts afterwards."""
    a, b = epochs(model), epochs(other)
    assert len(a) == len(b), (len(a), len(b))
    apart = [abs(mine["loss"]["total"] - theirs["loss"]["total"]) for mine, theirs in zip(a, b)]
    print(f"{model} and {other}: losses apart by epoch", *(f"{x:.1e}" for x in apart), flush=True)
    assert apart[0] <= first and max(apart) <= 0.05 * a[0]["loss"]["total"], apart


def does_not_need_mpi():
    needed = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    assert "libmpi" not in needed, needed


def equals_one_process(data, folder):
    must(1, *train(data, folder + "/one", *settings()))
    for ranks in 2, 3:
        out = must(ranks, *train(data, f"{folder}/{ranks}", *settings(), "--json"))
        assert out.count("best_epoch") == 1, out  # rank 0 alone speaks
        expect_same_losses(folder + "/one", f"{folder}/{ranks}")
    result = must(1, "evaluate", "--model", folder + "/2", "--data", data)
    assert "HR@10" in result, result


def without_clock(model):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in epochs(model)]


def repeats_itself(data, folder):
    """Every kind of tokens, twice by one process and twice by two: the same bits; and what training
    says of its best epoch is what evaluation finds."""
    few = settings("dropout=0.3", "epochs=2", "collaborative_epochs=2", "selection_protocol=full")
    for kind, recipe, words in (
        ("paper", "paper", []),
        ("default", "default", []),
        ("id", "paper", ["--set", "tokens=id"]),
        ("semantic", "paper", ["--set", "tokens=semantic"]),
    ):
        for ranks in 1, 2:
            first, again = f"{folder}/{kind}-{ranks}-first", f"{folder}/{kind}-{ranks}-again"
            for model in first, again:
                must(ranks, *train(data, model, *words, *few, recipe=recipe))
            for file in "model.safetensors", "items.jsonl":
                with open(f"{first}/{file}", "rb") as a, open(f"{again}/{file}", "rb") as b:
                    assert a.read() == b.read(), (kind, ranks, file)
            assert without_clock(first) == without_clock(again), (kind, ranks)
            report = json.loads(must(1, "evaluate", "--model", first, "--data", data, "--split",
                                     "validation", "--repeats", "published", "--json", "-"))
            with open(f"{first}/config.json") as file:
                said = json.load(file)["validation"]
            assert said == report["metrics"], (kind, ranks, said, report["metrics"])


def one_error_is_one_line(folder):
    code, _, err = run(2, *train(folder + "/nowhere", folder + "/x"))
    lines = [line for line in err.splitlines() if line.startswith("tessera train:")]
    assert code == 1 and len(lines) == 1 and "nowhere" in lines[0], (code, err)


def ranks_of(job):
    """The processes that mpirun has started."""
    children = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True).stdout
    return [int(child) for child in children.split()]


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def waits_for_a_slow_rank(data, folder):
    """A rank stands still now and then; the others wait, and nothing is lost."""
    model = folder + "/slow"
    job = start(3, *train(data, model, *settings()))
    stops = 0
    while job.poll() is None and stops < 5:
        time.sleep(0.3)
        ranks = ranks_of(job)
        if not ranks:
            continue
        try:
            os.kill(ranks[-1], signal.SIGSTOP)
            time.sleep(0.5)
            os.kill(ranks[-1], signal.SIGCONT)
            stops += 1
        except ProcessLookupError:
            break
    out, err = job.communicate(timeout=300)
    assert job.returncode == 0, (out, err)
    assert stops > 0, "it was through before it was slowed down"
    with open(folder + "/3/training.jsonl") as steady, open(model + "/training.jsonl") as slow:
        for a, b in zip(steady, slow, strict=True):
            assert json.loads(a)["loss"] == json.loads(b)["loss"], "not what steady ranks learn"


def kill_one(job, chance):
    """Kills a rank at a random moment. Returns how long the job lived on, None if it was through."""
    moment = time.monotonic() + chance.uniform(0.2, 3.0)
    while time.monotonic() < moment and job.poll() is None:
        time.sleep(0.01)
    victims = ranks_of(job)
    if job.poll() is not None or not victims:
        out, err = job.communicate(timeout=60)
        assert job.returncode == 0, err
        return None
    os.kill(chance.choice(victims), signal.SIGKILL)
    killed = time.monotonic()
    out, err = job.communicate(timeout=60)
    lived = time.monotonic() - killed
    finished = "trained in" in out
    assert job.returncode != 0 or finished, (job.returncode, out, err)
    assert finished or "signal 9" in err or "exited" in err, err
    while any(alive(victim) for victim in victims):
        assert time.monotonic() < killed + 60, "a rank outlived the job"
        time.sleep(0.1)
    return lived


def survives_kills(data, folder):
    """A rank is killed at a random moment; the job ends, and the checkpoint resumes: by as many
    ranks to the same bits, by another number to the end."""
    seed = int(os.environ.get("SEED", time.time()))
    print(f"killing {KILLS} ranks, SEED={seed}", flush=True)
    chance = random.Random(seed)
    long = settings("epochs=25", "batch_users=8")
    must(2, *train(data, folder + "/unbroken", *long))
    model = folder + "/killed"
    checkpoint = model + "/checkpoint.safetensors"
    slowest = 0.0
    kills = 0
    while kills < KILLS:
        words = ["--resume"] if os.path.exists(checkpoint) else long
        lived = kill_one(start(2, *train(data, model, *words)), chance)
        if lived is not None:
            kills += 1
            slowest = max(slowest, lived)
        if not os.path.exists(checkpoint):  # before the first, or through: from the start
            shutil.rmtree(model, ignore_errors=True)
    if os.path.exists(checkpoint):
        shutil.copytree(model, folder + "/by_three")
        must(3, *train(data, folder + "/by_three", "--resume"))
        assert len(epochs(folder + "/by_three")) == 25
    must(2, *train(data, model, *(["--resume"] if os.path.exists(checkpoint) else long)))
    assert without_clock(model) == without_clock(folder + "/unbroken")
    must(1, "evaluate", "--model", model, "--data", data)
    print(f"every checkpoint resumed; the slowest job ended {slowest:.1f} s after its rank")


def main():
    if shutil.which("mpirun") is None:
        sys.exit(77)
    if not os.path.exists(os.path.join(os.path.dirname(PROGRAM), "tessera-mpi.so")):
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        data = folder + "/shop"
        must(1, "simulate", "--users", "300", "--items", "150", "--seed", "3", "--out", data)
        must(1, "embed", "--dims", "32", "--data", data)
        does_not_need_mpi()
        equals_one_process(data, folder)
        repeats_itself(data, folder)
        one_error_is_one_line(folder)
        waits_for_a_slow_rank(data, folder)
        survives_kills(data, folder)


if __name__ == "__main__":
    main()
