import { describe, expect, it } from 'vitest';
import { LoadError } from '../load-error.ts';
import { wordingOf } from './wording.ts';

const wording = (message: string) => wordingOf(new LoadError(message), ['/srv/models']);

describe('the wording of a problem', () => {
  it.each([
    [
      'Load model from /srv/models/a/1/model.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:187 ' +
        'onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, ' +
        'const onnxruntime::ModelOptions&) ModelProto does not have a graph.\n',
      'Load model from a/1/model.onnx failed: ModelProto does not have a graph.',
    ],
    [
      'Exception during initialization: /onnxruntime_src/onnxruntime/core/framework/session_state.cc:1234 ' +
        'virtual onnxruntime::common::Status onnxruntime::Kernel::Compute(OpKernelContext*) const ' +
        '[with T = float] Shapes do not match: 3 by 4',
      'Exception during initialization: Shapes do not match: 3 by 4',
    ],
    ['/a/b.cc:7 the file was not found', 'the file was not found'],
    ['model.onnx has 100 bytes (not 200)', 'model.onnx has 100 bytes (not 200)'],
  ])('has neither source paths nor signatures of the runtime: %s', (message, expected) => {
    expect(wording(message)).toBe(expected);
  });

  it('has paths inside of the repository alone', () => {
    expect(wording('/srv/models/a/1/model.onnx is too short')).toBe('a/1/model.onnx is too short');
  });

  it('is short, on one line', () => {
    expect(wording(`first\n\n${'x'.repeat(1000)}`)).toBe(`first ${'x'.repeat(394)}…`);
  });

  it('says nothing of errors that are not about a model', () => {
    expect(wordingOf(new TypeError('secret'), ['/srv/models'])).toBe('The log of the server says why.');
  });
});
