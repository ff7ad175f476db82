// Finding the handler of a request. A route is { method, path, operations, prepare }, its path a
// template such as /v1/tx/{txid}; `prepare(request, params)` answers what misbehave.js calls a call.

/** @returns {{ route: object, params: object } | null} */
export function findRoute(routes, method, path) {
  for (const route of routes) {
    const params = route.method === method ? match(route.path, path) : null;
    if (params) return { route, params };
  }
  return null;
}

function match(template, path) {
  const wanted = template.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  const params = {};
  for (const [index, segment] of wanted.entries()) {
    if (segment.startsWith('{')) params[segment.slice(1, -1)] = given[index];
    else if (segment !== given[index]) return null;
  }
  return params;
}
