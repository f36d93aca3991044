// Runs streams with the official Node SDKs, one for each line of JSON that comes in, and says for each
// what a program would see. Lines out: {"seed", "begun": true} at the first event, then the outcome.
import readline from "node:readline";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";

const [url, key] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });

const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const content = (prompt) => [{ role: "user", content: prompt }];

const open = {
  openai_chat: ({ model, prompt }) =>
    openai.chat.completions.create({ model, messages: content(prompt), stream: true }),
  openai_responses: ({ model, prompt }) =>
    openai.responses.create({ model, input: prompt, store: false, stream: true }),
  anthropic_messages: ({ model, prompt }) =>
    anthropic.messages.create({ model, max_tokens: 100, messages: content(prompt), stream: true }),
};

function note(seen, event) {
  const choice = event.choices?.[0];
  seen.text += choice?.delta?.content ?? "";
  if (event.type === "content_block_delta") seen.text += event.delta.text ?? "";
  if (event.type === "response.output_text.delta") seen.text += event.delta;
  if (choice?.finish_reason) seen.complete = true;
  if (["message_stop", "response.completed"].includes(event.type)) seen.complete = true;
  if (event.type === "error") seen.errors += 1;
}

async function run(trial) {
  const seen = { seed: trial.seed, text: "", errors: 0, complete: false, raised: null, status: null };
  try {
    let first = true;
    for await (const event of await open[trial.dialect](trial)) {
      if (first) say({ seed: trial.seed, begun: true });
      first = false;
      note(seen, event);
    }
  } catch (error) {
    seen.raised = error.constructor.name;
    seen.status = error.status ?? null;
  }
  say(seen);
}

for await (const line of readline.createInterface({ input: process.stdin })) run(JSON.parse(line));
