"""Says, as JSON, what ROOT finds in the file that is its argument."""

import json
import sys
import warnings

warnings.simplefilter("ignore")  # the wheel calls itself alpha
import ROOT


def texts(numbers):  # JSON has no NaN
    return [repr(float(x)) for x in numbers]


def axis(a):
    return {"title": a.GetTitle(), "edges": texts(a.GetBinLowEdge(i) for i in range(1, a.GetNbins() + 2))}


def seen(o):
    if not o.InheritsFrom("TH1"):
        return {"class": o.ClassName(), "text": o.GetName()}
    cells = range(o.GetNcells())
    y = o.InheritsFrom("TH2") or o.InheritsFrom("TProfile")
    return {
        "class": o.ClassName(),
        "name": o.GetName(),
        "title": o.GetTitle(),
        "axes": [axis(o.GetXaxis()), axis(o.GetYaxis()), axis(o.GetZaxis())],
        "entries": repr(o.GetEntries()),
        "means": texts([o.GetMean(1)] + ([o.GetMean(2)] if y else [])),
        "deviations": texts([o.GetStdDev(1)] + ([o.GetStdDev(2)] if y else [])),
        "integral": repr(o.Integral()),
        "contents": texts(o.GetBinContent(i) for i in cells),
        "errors": texts(o.GetBinError(i) for i in cells),
        "sumw2": texts(o.GetSumw2()[i] for i in range(o.GetSumw2N())),
        "json": str(ROOT.TBufferJSON.ConvertToJSON(o, 3)),
    }


def walk(directory, path, found):
    for key in directory.GetListOfKeys():
        o = key.ReadObj()
        name = path + key.GetName()
        by_path = f.Get(name)
        if not by_path or by_path.ClassName() != o.ClassName():
            sys.exit("Get does not find " + name)
        if o.InheritsFrom("TDirectory"):
            walk(o, name + "/", found)
        elif name in found:
            sys.exit("twice: " + name)
        else:
            found[name] = seen(o)
            found[name]["keyTitle"] = key.GetTitle()


f = ROOT.TFile.Open(sys.argv[1])
if not f or f.IsZombie() or f.TestBit(ROOT.TFile.kRecovered):
    sys.exit("the file had to be repaired")
found = {}
walk(f, "", found)
f.Close()
json.dump({"version": ROOT.gROOT.GetVersion(), "found": found}, sys.stdout)
