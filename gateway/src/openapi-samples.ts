/** Code that calls an operation, as `x-codeSamples` of the OpenAPI document. Tests run every one. */
export interface CodeSample {
  readonly lang: string;
  readonly label: string;
  readonly source: string;
}

/** What a sample sends: photos of a form, JSON, photos as tensors, or nothing. */
export type SampleBody = 'photo' | 'tensor' | { readonly json: object } | undefined;

const MODEL = 'efficientnet-lite0';
const UNIT = 'X-Headgate-Unit';

/** The samples of an operation. They read API_URL, API_KEY, photo.jpg and ca.crt. */
export function codeSamples(method: string, path: string, body?: SampleBody): CodeSample[] {
  const call: Call = {
    method: method.toUpperCase(),
    path: path.replace('{model}', MODEL).replace('{version}', '1'),
    body,
    // A version that the path names takes no part in the experiment.
    unit: (body === 'photo' || body === 'tensor') && !path.includes('{version}'),
  };
  const browser = body === 'tensor' ? [] : [sample('JavaScript', 'Browser', inBrowser(call))];
  const binary = body === 'tensor' ? [sample('Python', 'Python, binary', inBinary(call))] : [];
  return [
    sample('Shell', 'curl', withCurl(call)),
    sample('Python', 'Python', inPython(call)),
    ...binary,
    sample('JavaScript', 'Node', inNode(call)),
    ...browser,
  ];
}

const sample = (lang: string, label: string, source: string): CodeSample => ({ lang, label, source });

interface Call {
  readonly method: string;
  readonly path: string;
  readonly body: SampleBody;
  readonly unit: boolean;
}

function withCurl({ method, path, body, unit }: Call): string {
  const head = body === 'tensor' ? `${CURL_TENSOR}\n  curl` : 'curl';
  const lines = [
    `${head} --cacert ca.crt`,
    '-H "X-API-Key: $API_KEY"',
    ...(unit ? [`-H "${UNIT}: alice"`] : []),
    ...(body === 'photo' ? ['-F image=@photo.jpg'] : []),
    ...(body === 'tensor' ? ['-d @-'] : []),
    ...(typeof body === 'object' ? [`--json '${JSON.stringify(body.json)}'`] : []),
    ...(method === 'POST' && body === undefined ? ['-X POST'] : []),
    `"$API_URL${path}"`,
  ];
  return lines.join(' \\\n  ');
}

const CURL_TENSOR = `printf '{"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
  "parameters": {"content_type": "base64"}, "data": ["%s"]}]}' "$(base64 < photo.jpg | tr -d '\\n')" |`;

function inPython({ method, path, body, unit }: Call): string {
  const sent = {
    photo: '\n    files=[("image", open("photo.jpg", "rb"))],  # one tuple for each photo',
    tensor: '\n    json={"inputs": [tensor]},',
    json: typeof body === 'object' ? `\n    json=${JSON.stringify(body.json)},` : '',
    none: '',
  }[kindOf(body)];
  const tensor =
    body === 'tensor'
      ? `photo = base64.b64encode(open("photo.jpg", "rb").read()).decode()
tensor = {
    "name": "image", "datatype": "BYTES", "shape": [1],
    "parameters": {"content_type": "base64"}, "data": [photo],
}
`
      : '';
  return `${body === 'tensor' ? 'import base64\n' : ''}import os
import requests

${tensor}answer = requests.${method.toLowerCase()}(
    os.environ["API_URL"] + "${path}",
    headers={"X-API-Key": os.environ["API_KEY"]${unit ? `, "${UNIT}": "alice"` : ''}},${sent}
    verify="ca.crt",
)
print(answer.status_code, answer.json())
`;
}

/** The photo behind the JSON, as it is: a third fewer bytes than base64. */
function inBinary({ path, unit }: Call): string {
  return `import json
import os
import struct
import requests

photo = open("photo.jpg", "rb").read()
block = struct.pack("<I", len(photo)) + photo  # an element of BYTES follows its length
tensor = {
    "name": "image", "datatype": "BYTES", "shape": [1],
    "parameters": {"binary_data_size": len(block)},
}
head = json.dumps({"inputs": [tensor]}).encode()
answer = requests.post(
    os.environ["API_URL"] + "${path}",
    headers={
        "X-API-Key": os.environ["API_KEY"],${unit ? `\n        "${UNIT}": "alice",` : ''}
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    },
    data=head + block,
    verify="ca.crt",
)
print(answer.status_code, answer.json())
`;
}

function inNode({ method, path, body, unit }: Call): string {
  const prepare = {
    photo: `import { openAsBlob } from 'node:fs';

const form = new FormData();
form.append('image', await openAsBlob('photo.jpg'), 'photo.jpg'); // once for each photo
`,
    tensor: `import { readFile } from 'node:fs/promises';

const photo = await readFile('photo.jpg', 'base64');
const tensor = {
  name: 'image', datatype: 'BYTES', shape: [1],
  parameters: { content_type: 'base64' }, data: [photo],
};
`,
    json: '',
    none: '',
  }[kindOf(body)];
  const url = `\`\${process.env.API_URL}${path}\``;
  return `// NODE_EXTRA_CA_CERTS=ca.crt node sample.mjs
${prepare}${fetching({ method, body, unit }, url, 'process.env.API_KEY')}console.log(answer.status, await answer.json());
`;
}

function inBrowser({ method, path, body, unit }: Call): string {
  const prepare =
    body === 'photo'
      ? `// <input type="file" id="photo" accept="image/*" multiple>
const form = new FormData();
for (const file of document.querySelector('#photo').files) form.append('image', file);
`
      : '';
  return `${prepare}// From a page of another origin: the whole address, and its origin in gateway.cors
const key = document.querySelector('#key').value;
${fetching({ method, body, unit }, `'${path}'`, 'key')}console.log(answer.status, await answer.json());
`;
}

function fetching({ method, body, unit }: Omit<Call, 'path'>, url: string, key: string): string {
  const json = body === 'tensor' || typeof body === 'object';
  const headers = [
    `'X-API-Key': ${key}`,
    ...(unit ? [`'${UNIT}': 'alice'`] : []),
    ...(json ? ["'Content-Type': 'application/json'"] : []),
  ];
  const sent = {
    photo: '  body: form,\n',
    tensor: '  body: JSON.stringify({ inputs: [tensor] }),\n',
    json: typeof body === 'object' ? `  body: JSON.stringify(${JSON.stringify(body.json)}),\n` : '',
    none: '',
  }[kindOf(body)];
  const verb = method === 'GET' ? '' : `  method: '${method}',\n`;
  return `const answer = await fetch(${url}, {
${verb}  headers: { ${headers.join(', ')} },
${sent}});
`;
}

const kindOf = (body: SampleBody) => (typeof body === 'object' ? 'json' : (body ?? 'none'));
