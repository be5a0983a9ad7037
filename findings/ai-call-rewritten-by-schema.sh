#!/usr/bin/env bash
# ai==7.0.173, zod==4.6.7: the model reads its own call as the tool's schema has changed it
#
# Our guess: a schema that transforms what it takes is for the tool. The conversation keeps the call
# as the model made it, and a person who is asked sees that one.
# Seen: what the schema made of the input takes its place everywhere: the tool gets cents, and so do
# the person who approves, under the word "euros", and the model, which reads in the next step that
# it had called with 500. Defaults and dropped fields likewise. What is asked about and what is
# recorded should be transformed inside the tool, not in its schema.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund ai@7.0.173 zod@4.6.7

cat >program.mjs <<'JAVASCRIPT'
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";

const refund = tool({
  inputSchema: z.object({
    euros: z.number().transform((euros) => euros * 100),
    reason: z.string().default("none given"),
  }),
  execute: (input) => {
    console.log("the tool gets", JSON.stringify(input));
    return "refunded";
  },
});
const input = JSON.stringify({ euros: 5, order: 1142 });
const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };

const model = () =>
  new MockLanguageModelV4({
    doGenerate: ({ prompt }) => {
      const told = prompt.find((message) => message.role === "assistant");
      if (told) console.log("the model reads", JSON.stringify(told.content[0].input));
      const call = { type: "tool-call", toolCallId: "1", toolName: "refund", input };
      return {
        content: [told ? { type: "text", text: "done" } : call],
        finishReason: { unified: told ? "stop" : "tool-calls" },
        usage,
        warnings: [],
      };
    },
  });
const given = { tools: { refund }, prompt: "Refund order 1142", stopWhen: isStepCount(2) };

console.log("the model wrote", input);
await generateText({ model: model(), ...given });
const asked = await generateText({
  model: model(),
  ...given,
  toolApproval: { refund: "user-approval" },
});
const request = asked.content.find((part) => part.type === "tool-approval-request");
console.log("a person is asked about", JSON.stringify(request.toolCall.input));
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
the model wrote {"euros":5,"order":1142}
the tool gets {"euros":500,"reason":"none given"}
the model reads {"euros":500,"reason":"none given"}
a person is asked about {"euros":500,"reason":"none given"}
SEEN
echo "As before, with ai 7.0.173."
