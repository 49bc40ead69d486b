// LeNet-5 by tiny-dnn 1.0.0a3 (Debian's package tiny-dnn), as near as it can say it: scaled tanh is a
// plain tanh, RBF units are ten tanh units with squared error. One digit for each update. Its kernels
// in AVX (-DCNN_USE_AVX), several times as fast, read and write past their rows in this network: an
// address sanitizer says so, and the program ends with "double free". They are left out.
//     g++ -O3 -march=native -ffast-math -DCNN_SINGLE_THREAD with_tiny_dnn.cpp
//     ./a.out DIGITS COUNT     reads COUNT digits of 32 x 32 float32 and then COUNT labels of a byte
#include <chrono>
#include <fstream>
#include <iostream>
#include "tiny_dnn/tiny_dnn.h"

using namespace tiny_dnn;
using namespace tiny_dnn::layers;
using tiny_dnn::activation::tan_h;

int main(int, char** arguments) {
  const int count = std::atoi(arguments[2]);
  std::ifstream file(arguments[1], std::ios::binary);
  std::vector<vec_t> images(count, vec_t(32 * 32));
  std::vector<label_t> labels(count);
  for (auto& image : images) file.read(reinterpret_cast<char*>(image.data()), 4 * image.size());
  for (auto& label : labels) label = static_cast<label_t>(file.get());
  if (!file) return 1;

  // The paper's Table I: whether the map of a row is read by the one of a column.
  const bool O = true, X = false;
  const bool table[] = {
      O, X, X, X, O, O, O, X, X, O, O, O, O, X, O, O,
      O, O, X, X, X, O, O, O, X, X, O, O, O, O, X, O,
      O, O, O, X, X, X, O, O, O, X, X, O, X, O, O, O,
      X, O, O, O, X, X, O, O, O, O, X, X, O, X, O, O,
      X, X, O, O, O, X, X, O, O, O, O, X, O, O, X, O,
      X, X, X, O, O, O, X, X, O, O, O, O, X, O, O, O};
  network<sequential> net;
  net << convolutional_layer<tan_h>(32, 32, 5, 1, 6)                                              // C1
      << average_pooling_layer<tan_h>(28, 28, 6, 2)                                               // S2
      << convolutional_layer<tan_h>(14, 14, 5, 6, 16, core::connection_table(table, 6, 16))       // C3
      << average_pooling_layer<tan_h>(10, 10, 16, 2)                                              // S4
      << convolutional_layer<tan_h>(5, 5, 5, 16, 120)                                             // C5
      << fully_connected_layer<tan_h>(120, 84)                                                    // F6
      << fully_connected_layer<tan_h>(84, 10);
  gradient_descent optimizer;
  optimizer.alpha = 0.05;
  for (int turn = 0; turn < 2; ++turn) {  // the first warms up
    const auto started = std::chrono::steady_clock::now();
    net.train<mse>(optimizer, images, labels, 1, 1);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    std::cout << seconds.count() << std::endl;
  }
  const auto right = net.test(images, labels).num_success;
  std::cout << count - right << std::endl;
}
