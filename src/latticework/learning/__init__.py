"""Training with Lightning: data made on the device, modules, callbacks, published weights."""
