// Draws openapi.json and sends requests. Text goes in as text nodes only, never as markup.

const LIST = document.getElementById("list");
const DETAIL = document.getElementById("detail");
const KEY = document.getElementById("key");
const EXAMPLES = {
  chat: { model: "demo", messages: [{ role: "user", content: "Hello" }] },
  complete: { model: "demo", prompt: "Once upon a time" },
  embed: { model: "embedding", input: "A text" },
};

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

function resolve(api, schema) {
  return schema?.$ref ? api.components.schemas[schema.$ref.split("/").pop()] : schema ?? {};
}

function typeOf(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? typeOf(schema.items) : "anything"}`;
  return schema.type ?? (schema.enum ? schema.enum.join(" or ") : "anything");
}

function fields(api, schema) {
  const { properties = {}, required = [] } = resolve(api, schema);
  const known = Object.entries(properties).filter(
    ([, field]) => !field.description?.startsWith("Not supported yet"),
  );
  const rows = known.map(([name, field]) => make("tr", {},
    make("td", {}, make("code", { textContent: name }), required.includes(name) ? " *" : ""),
    make("td", { className: "quiet", textContent: typeOf(field) }),
    make("td", { textContent: field.description ?? "" })));
  return rows.length ? make("table", {}, ...rows) : make("p", { className: "quiet", textContent: "A JSON object." });
}

function example(api, operation, schema) {
  if (EXAMPLES[operation.operationId]) return EXAMPLES[operation.operationId];
  const { properties = {}, required = [] } = resolve(api, schema);
  return Object.fromEntries(required.map((name) => [name, sample(resolve(api, properties[name]))]));
}

function sample(schema) {
  return { array: [], object: {}, integer: 1, number: 1, boolean: false }[schema.type] ?? "";
}

async function send(method, path, inputs, body, output) {
  let target = path;
  const query = new URLSearchParams();
  for (const [parameter, input] of inputs) {
    if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (input.value !== "") query.set(parameter.name, input.value);
  }
  const headers = {};
  if (KEY.value) headers.Authorization = `Bearer ${KEY.value.trim()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const url = new URL(`.${target}${query.size ? `?${query}` : ""}`, document.baseURI);
  const began = performance.now();
  output.replaceChildren("…");
  try {
    const response = await fetch(url, { method, headers, body, credentials: "omit" });
    const status = make("p", { className: response.ok ? "good" : "bad" });
    const text = make("pre");
    output.replaceChildren(status, text);
    const kind = response.headers.get("content-type") ?? "";
    for await (const piece of pieces(response)) text.append(piece);
    if (kind.includes("json")) text.textContent = JSON.stringify(JSON.parse(text.textContent), null, 2);
    status.textContent = `${response.status} in ${Math.round(performance.now() - began)} ms`;
  } catch (error) {
    output.replaceChildren(make("p", { className: "bad", textContent: String(error) }));
  }
}

async function* pieces(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) yield value;
}

function show(api, path, method, operation) {
  const inputs = (operation.parameters ?? []).map((parameter) => [parameter,
    make("input", { placeholder: parameter.schema.default ?? "", ariaLabel: parameter.name })]);
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const body = schema && make("textarea", { spellcheck: false, ariaLabel: "Request body",
    value: JSON.stringify(example(api, operation, schema), null, 2) });
  const output = make("div", { ariaLive: "polite" });
  const button = make("button", { className: "send", type: "button", textContent: "Send" });
  button.onclick = () => send(method.toUpperCase(), path, inputs, body?.value, output);
  const scope = operation["x-scope"];
  const errors = Object.entries(operation.responses).filter(([status]) => status !== "200");
  DETAIL.replaceChildren(
    make("h2", { textContent: operation.summary }),
    make("p", {}, make("span", { className: "method", textContent: `${method.toUpperCase()} ` }),
      make("code", { textContent: path }),
      make("span", { className: "quiet", textContent: scope ? ` · needs ${scope === "any" ? "a key" : scope}` : " · open" })),
    ...(inputs.length ? [make("h3", { textContent: "Parameters" }), make("table", {}, ...inputs.map(([parameter, input]) =>
      make("tr", {}, make("td", {}, make("code", { textContent: parameter.name })), make("td", {}, input))))] : []),
    ...(body ? [make("h3", { textContent: "Body" }), fields(api, schema), make("p"), body] : []),
    button, output,
    make("h3", { textContent: "Errors" }),
    make("table", {}, ...errors.map(([status, { description }]) => make("tr", {},
      make("td", {}, make("code", { textContent: status })), make("td", { textContent: description })))),
  );
  DETAIL.focus();
}

function draw(api) {
  document.getElementById("version").textContent = api.info.version;
  for (const { name: tag } of api.tags) {
    LIST.append(make("h3", { textContent: tag }));
    for (const [path, operations] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        if (!operation.tags.includes(tag)) continue;
        const button = make("button", { type: "button", title: operation.summary },
          make("span", { className: "method", textContent: method.toUpperCase() }), path);
        button.onclick = () => {
          LIST.querySelector("[aria-current]")?.removeAttribute("aria-current");
          button.setAttribute("aria-current", "true");
          show(api, path, method, operation);
        };
        LIST.append(button);
      }
    }
  }
}

const answer = await fetch(new URL("openapi.json", document.baseURI), { credentials: "omit" });
draw(await answer.json());
