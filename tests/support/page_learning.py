"""How fast the page's network learns, beside ConvNetJS in the same Chromium; for `make bench`."""

from pathlib import Path

import npm
import speed
from bench_pages import thread_clock
from browsing import FLAGS, MISSING, find_chromium
from playwright.sync_api import sync_playwright
from small_page import bytes_of, in_base64, open_small_page, write_small_page

from lenet_utils import load_mnist

__all__ = ["page_learning"]

TOGETHER = 20  # images between two readings of the clock
TURNS = 24
WARM = 4  # turns in which scripts are still being compiled

OURS = """([pixels, labels]) => {
    const digits = { pixels: lenet.bytes(pixels), labels: lenet.bytes(labels) };
    const learner = new lenet.Learner({ digits, optimizer: "plain", rates: [1e-6] });
    const { network } = learner;
    self.contestants = {
        learn(count) {
            for (let i = 0; i < count; i++) learner.work.next();
            learner.forget();
        },
        read(count) {
            for (let i = 0; i < count; i++) lenet.run(network, { values: learner.image });
        },
    };
}"""
# The nearest network that it can express: all of C3 reads all of S2, the largest of a window is
# taken, and the output is a softmax. As ours, it takes a step after each image.
THEIRS = """([images, labels]) => {
    const tanh = { activation: "tanh" }, pool = { type: "pool", sx: 2, stride: 2 };
    const conv = { type: "conv", sx: 5, stride: 1, pad: 0, ...tanh };
    const net = new convnetjs.Net();
    net.makeLayers([
        { type: "input", out_sx: 32, out_sy: 32, out_depth: 1 },
        { ...conv, filters: 6 }, pool, { ...conv, filters: 16 }, pool,
        { type: "fc", num_neurons: 120, ...tanh }, { type: "fc", num_neurons: 84, ...tanh },
        { type: "softmax", num_classes: 10 },
    ]);
    const how = { method: "sgd", learning_rate: 1e-6, momentum: 0, l2_decay: 0, batch_size: 1 };
    const trainer = new convnetjs.SGDTrainer(net, how);
    const volumes = images.map((values) => {
        const volume = new convnetjs.Vol(32, 32, 1, 0);
        volume.w.set(values);
        return volume;
    });
    self.contestants = {
        learn(count) {
            for (let i = 0; i < count; i++) trainer.train(volumes[i], labels[i]);
        },
        read(count) {
            for (let i = 0; i < count; i++) net.forward(volumes[i]);
        },
    };
}"""


def page_learning(folder):
    """Time a step and a reading of one image by each, in turns, each in a page of its own."""
    try:
        convnet = npm.installed() / "node_modules/convnetjs/build/convnet-min.js"
    except npm.NoPackagesError as error:
        print(error)
        return
    digits = load_mnist(cache=folder).train[:TOGETHER]
    given = [in_base64(bytes_of(digits)), in_base64(digits.labels.byte().numpy())]
    site = Path(folder, "networks")
    site.mkdir()
    path = write_small_page(site)
    with sync_playwright() as playwright:
        program = find_chromium(playwright)
        if program is None:
            print(MISSING)
            return
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        pages = {
            "ConvNetJS": browser.new_page(),
            "JavaScript": open_small_page(browser, path, compiled=False),
            "WebAssembly": open_small_page(browser, path),
        }
        pages["ConvNetJS"].add_script_tag(path=convnet)
        images = digits.images.flatten(start_dim=1).tolist()
        pages["ConvNetJS"].evaluate(THEIRS, [images, digits.labels.tolist()])
        for name in ("JavaScript", "WebAssembly"):
            pages[name].evaluate(OURS, given)
        clocks = {name: thread_clock(page) for name, page in pages.items()}
        for work, called in (("learn", "a step"), ("read", "a forward pass")):
            for turn in range(TURNS):
                for name, page in pages.items():
                    before = clocks[name]()
                    page.evaluate("([work, n]) => contestants[work](n)", [work, TOGETHER])
                    seconds = (clocks[name]() - before) / TOGETHER
                    if turn >= WARM:
                        yield speed.row(f"{called} in the page", name, turn - WARM, seconds)
        browser.close()
