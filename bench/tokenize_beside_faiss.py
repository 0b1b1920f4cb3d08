#!/usr/bin/env python3
"""Codes of vectors by `tessera tokenize` and by faiss, side by side, in one run.

    python3 -m venv venv && venv/bin/pip install numpy faiss-cpu
    venv/bin/python bench/tokenize_beside_faiss.py build/tessera --rows 1000000 --dims 768     # made up
    venv/bin/python bench/tokenize_beside_faiss.py build/tessera --vectors dataset/embeddings.npy

Of each: seconds of fitting and of encoding everything, seconds of processor time of the whole process
(which count where something else runs beside), its largest resident memory,
mean squared error in shares of the vectors' variance, and neighbours kept (of the 10 nearest of 1,000
vectors those still among the 10 nearest after decoding, among up to 50,000), all measured here alike from
what was decoded. Equal bits: LEVELS codes of SIZE. Every process has `--threads` threads.
"""

import argparse
import json
import os
import pathlib
import platform
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

SAMPLE = 100_000  # vectors that codebooks are fitted to, of both


def make_vectors(path, rows, dims, seed=1):
    """Vectors of unit length around 20,000 centres of a falling spectrum, as text encoders' are."""
    random = np.random.default_rng(seed)
    spectrum = (np.arange(1, dims + 1) ** -0.5).astype("f4")
    centres = random.standard_normal((20_000, dims), "f4") * spectrum
    out = np.lib.format.open_memmap(path, "w+", "<f4", (rows, dims))
    for first in range(0, rows, 50_000):
        count = min(50_000, rows - first)
        part = centres[random.integers(0, len(centres), count)]
        part = part + 0.5 * spectrum * random.standard_normal((count, dims), "f4")
        out[first : first + count] = part / np.linalg.norm(part, axis=1, keepdims=True)
    out.flush()


def read_safetensors(path):
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        head, body = json.loads(file.read(size)), file.read()
    facts = json.loads(head.pop("__metadata__")["tokenizer"])
    arrays = {
        name: np.frombuffer(body[slice(*of["data_offsets"])], "<f4").reshape(of["shape"])
        for name, of in head.items()
    }
    return facts, arrays


def decode_ours(folder, rows):
    """What the codes of some rows stand for, by the file of the tokenizer alone."""
    facts, arrays = read_safetensors(folder / "tokenizer.safetensors")
    codes = np.load(folder / "codes.npy", mmap_mode="r")[rows]
    z = np.zeros((len(codes), facts["code_dims"]), "f4")
    for level, of in enumerate(facts["levels"]):
        book = arrays[f"codebooks.{level}"]
        z[:, of["column"] : of["column"] + book.shape[1]] += book[codes[:, level]]
    if "rotation" in arrays:
        z = z @ arrays["rotation"].T
    layers = sorted({name.split(".")[1] for name in arrays if name.startswith("item_decoder.")})
    for layer in layers:
        z = z @ arrays[f"item_decoder.{layer}.weight"].T + arrays[f"item_decoder.{layer}.bias"].ravel()
        z = np.maximum(z, 0) if layer != layers[-1] else z
    return z / facts["scale"]


def nearest(rows, queries):
    half = 0.5 * (rows**2).sum(1)
    found = []
    for query in queries:
        score = rows @ rows[query] - half
        score[query] = -np.inf
        found.append(set(np.argpartition(-score, 10)[:10].tolist()))
    return found


def judge(x, decoded, queries, wanted):
    variance = ((x - x.mean(0)) ** 2).sum()
    error = ((x - decoded) ** 2).sum() / variance
    kept = np.mean([len(a & b) / 10 for a, b in zip(wanted, nearest(decoded, queries))])
    return {"error": float(error), "neighbours_kept": float(kept)}


def run_ours(program, vectors, folder, quantizer, levels, size, threads, more):
    command = [program, "--threads", str(threads), "tokenize", "--json", "--vectors", str(vectors), "--out",
               str(folder), "--quantizer", quantizer, "--levels", str(levels), "--codebook-size", str(size),
               *more]  # fmt: skip
    clock = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    summary = json.loads(out)
    seconds = summary["seconds"]
    return {"fit": seconds["fit"], "encode": seconds["encode"], "reassign": seconds["unique"],
            "all": time.perf_counter() - clock, "memory_mb": usage.ru_maxrss / 1024,
            "cpu": usage.ru_utime + usage.ru_stime,
            "own_tuple": summary["health"]["collisions"]["unique_share"], "moved": summary["moved"]}  # fmt: skip


def run_faiss(vectors, kind, levels, size, threads, out):
    """In a process of its own, so that its memory is its own: `--as-faiss`."""
    command = [sys.executable, __file__, "--as-faiss", kind, "--vectors", str(vectors), "--levels", str(levels),
               "--size", str(size), "--threads", str(threads), "--out", str(out)]  # fmt: skip
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def as_faiss(options):
    import faiss

    faiss.omp_set_num_threads(options.threads)
    vectors = np.load(options.vectors, mmap_mode="r")
    dims, bits = vectors.shape[1], int(np.log2(options.size))
    step = max((len(vectors) + SAMPLE - 1) // SAMPLE, 1)
    sample = np.ascontiguousarray(vectors[::step])
    residual = options.as_faiss == "ResidualQuantizer"
    quantizer = (faiss.ResidualQuantizer if residual else faiss.ProductQuantizer)(dims, options.levels, bits)
    rotation = faiss.OPQMatrix(dims, options.levels) if options.as_faiss == "OPQMatrix" else None
    through = rotation.apply_py if rotation else (lambda rows: rows)
    if hasattr(quantizer, "cp"):
        # By default the k-means of a product quantizer sees 256 vectors a code.
        quantizer.cp.max_points_per_centroid = len(sample)
    clock = time.perf_counter()
    if rotation:
        rotation.train(sample)
    quantizer.train(through(sample))
    fit = time.perf_counter() - clock
    clock = time.perf_counter()
    codes = [quantizer.compute_codes(through(np.ascontiguousarray(vectors[first : first + 50_000])))
             for first in range(0, len(vectors), 50_000)]  # fmt: skip
    encode = time.perf_counter() - clock
    codes = np.concatenate(codes)
    rows = sampled_rows(len(vectors))
    decoded = quantizer.decode(codes[rows])
    np.save(options.out, rotation.reverse_transform(decoded) if rotation else decoded)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, counts = np.unique(codes, axis=0, return_counts=True)
    own = counts[counts == 1].sum() / len(codes)
    print(json.dumps({"fit": fit, "encode": encode, "memory_mb": usage.ru_maxrss / 1024,
                      "cpu": usage.ru_utime + usage.ru_stime, "own_tuple": float(own)}))  # fmt: skip


def sampled_rows(count):
    return np.arange(0, count, max((count + 49_999) // 50_000, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?")
    parser.add_argument("--vectors", help="a .npy file; without it vectors are made up")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=768)
    parser.add_argument("--levels", type=int, default=3)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--quantizers", default="residual,product,opq,trained")
    parser.add_argument("--peers", default="ResidualQuantizer,ProductQuantizer",
                        help="of faiss; OPQMatrix is a product quantizer behind its rotation")  # fmt: skip
    parser.add_argument("--work", help="folder of what is made (default: a temporary one)")
    parser.add_argument("--as-faiss", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_faiss:
        return as_faiss(options)
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(options.work or temporary)
        work.mkdir(parents=True, exist_ok=True)
        vectors = pathlib.Path(options.vectors or work / "vectors.npy")
        if not vectors.exists():
            make_vectors(vectors, options.rows, options.dims)
        array = np.load(vectors, mmap_mode="r")
        rows = sampled_rows(len(array))
        x = np.ascontiguousarray(array[rows])
        queries = range(0, len(x), max(len(x) // 1000, 1))
        wanted = nearest(x, queries)
        print(f"{len(array):,} vectors of {array.shape[1]} dims, {options.levels} codes of {options.size}, "
              f"{options.threads} threads, {platform.processor() or platform.machine()}, load "
              f"{os.getloadavg()[0]:.1f}", flush=True)  # fmt: skip
        print(f"{'':28}{'fit s':>9}{'encode s':>10}{'CPU s':>8}{'MB':>8}{'error %':>9}{'neighbours %':>14}"
              f"{'own tuple %':>13}")  # fmt: skip

        def show(name, figures, note=""):
            print(f"{name:28}{figures['fit']:9.1f}{figures['encode']:10.1f}{figures['cpu']:8.1f}{figures['memory_mb']:8.0f}"
                  f"{100 * figures['error']:9.2f}{100 * figures['neighbours_kept']:14.1f}"
                  f"{100 * figures['own_tuple']:13.2f}{note}", flush=True)  # fmt: skip

        for kind in options.peers.split(","):
            decoded = work / "decoded.npy"
            figures = run_faiss(vectors, kind, options.levels, options.size, options.threads, decoded)
            figures |= judge(x, np.load(decoded), queries, wanted)
            show("faiss " + kind, figures)
        for quantizer in options.quantizers.split(","):
            for unique in ["leave"] + (["reassign"] if quantizer == "residual" else []):
                folder = work / f"{quantizer}-{unique}"
                figures = run_ours(options.program, vectors, folder, quantizer, options.levels, options.size,
                                   options.threads, ["--unique", unique])  # fmt: skip
                figures |= judge(x, decode_ours(folder, rows), queries, wanted)
                note = f"  {figures['moved']:,} moved in {figures['reassign']:.1f} s" if unique == "reassign" else ""
                show(f"tessera {quantizer}" + (" reassigned" if note else ""), figures,
                     f"{note}  ({figures['all']:.1f} s in all)")  # fmt: skip


if __name__ == "__main__":
    main()
