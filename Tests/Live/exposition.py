"""Reads Prometheus' text format 0.0.4 and takes nothing on trust: a line that is not as the format says fails the test."""

import math
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)')


class Metrics:
    """Samples by name and labels; the families' types by name."""

    def __init__(self, text):
        assert text.endswith("\n"), "the last line ends"
        self.types, self.helps, self.samples = {}, {}, {}
        family = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, family, words = line.split(" ", 3)
                assert family not in self.helps and words, line
                self.helps[family] = words
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family and name not in self.types, line
                assert kind in ("counter", "gauge", "histogram"), line
                self.types[name] = kind
            else:
                self._take(line, family)
        for name, kind in self.types.items():
            if kind == "histogram":
                self._check_histogram(name)
            elif kind == "counter":
                assert name.endswith("_total"), name

    def _take(self, line, family):
        found = SAMPLE.match(line)
        assert found, f"no sample: {line!r}"
        name, labels, value = found.groups()
        pairs = LABEL.findall(labels or "")
        assert "".join(f'{k}="{v}",' for k, v in pairs).rstrip(",") == (labels or "").rstrip(","), line
        endings = ("_bucket", "_sum", "_count") if self.types[family] == "histogram" else ("",)
        assert name in [family + ending for ending in endings], f"{name} stands under {family}"
        key = (name, tuple(sorted(pairs)))
        assert key not in self.samples, f"twice: {line}"
        self.samples[key] = float(value)
        assert not math.isnan(self.samples[key]), line

    def _check_histogram(self, name):
        buckets = [(dict(labels)["le"], value) for (n, labels), value in self.samples.items() if n == name + "_bucket"]
        bounds = [float(le.replace("+Inf", "inf")) for le, _ in buckets]
        assert bounds == sorted(bounds) and bounds[-1] == math.inf, name
        counts = [value for _, value in buckets]
        assert counts == sorted(counts), f"{name} is not cumulative"
        assert counts[-1] == self.samples[(name + "_count", ())], name
        assert (self.samples[(name + "_sum", ())] == 0) == (counts[-1] == 0) or "lag" in name, name

    def __getitem__(self, key):
        """`metrics["name"]`, or `metrics["name", {"label": "value"}]`; 0 where no such labels have come up."""
        name, labels = key if isinstance(key, tuple) else (key, {})
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in self.types or base in self.types, f"no metric {name}"
        return self.samples.get((name, tuple(sorted(labels.items()))), 0)

    def sum(self, name, /, **labels):
        """Over all samples that have these labels."""
        return sum(value for (n, pairs), value in self.samples.items()
                   if n == name and labels.items() <= dict(pairs).items())

    @property
    def names(self):
        return {name for name, _ in self.samples} | set(self.types)


def scrape(server):
    status, headers, body = server.http("GET", "/metrics")
    assert status == 200, (status, body)
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(body.decode())
