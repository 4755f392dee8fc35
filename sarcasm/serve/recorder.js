"use strict";
// Hands on what the microphone hears, as it is: a codec in between would be heard by the model as well.

class Recorder extends AudioWorkletProcessor {
  process(inputs) {
    const [samples] = inputs[0];
    if (samples) this.port.postMessage(samples.slice());
    return true;
  }
}

registerProcessor("recorder", Recorder);
