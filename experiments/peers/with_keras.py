"""LeNet-5 by Keras on JAX, as near as Keras's own layers say it: a dense C3, averages, softmax.

    python with_keras.py DIGITS COUNT

reads COUNT digits of 32 x 32 float32 and then COUNT labels of a byte, learns from one after the
other, twice, and prints the seconds of both; the first compiles.
"""

import os
import sys
import time

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from keras import layers

path, count = sys.argv[1], int(sys.argv[2])
raw = np.fromfile(path, np.uint8)
images = raw[: count * 4096].view(np.float32).reshape(count, 32, 32, 1)
labels = raw[count * 4096 :].astype(np.int64)

model = keras.Sequential([
    keras.Input((32, 32, 1)),
    layers.Conv2D(6, 5, activation="tanh"), layers.AveragePooling2D(2),
    layers.Conv2D(16, 5, activation="tanh"), layers.AveragePooling2D(2),
    layers.Conv2D(120, 5, activation="tanh"), layers.Flatten(),
    layers.Dense(84, activation="tanh"), layers.Dense(10, activation="softmax"),
])  # fmt: skip
model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy", jit_compile=True)
for _ in range(2):
    started = time.perf_counter()
    model.fit(images, labels, batch_size=1, epochs=1, verbose=0)
    print(time.perf_counter() - started, flush=True)
print(int((model.predict(images, verbose=0).argmax(1) != labels).sum()))
