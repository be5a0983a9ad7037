#!/usr/bin/env bash
# ai==7.0.173, zod==4.6.7: a result that is not JSON ends the run after the tool has acted
#
# Our guess: a result that cannot be sent to the model is an error of the tool, of which the model
# is told, as it is of everything that `execute` throws.
# Seen: a BigInt, as amounts of wei are, ends `generateText` with a TypeError when the tool has
# acted, and the steps until then are lost with it; whoever tries again acts twice. What JSON leaves
# out is told as something else without an error: a Map or an Error as {}, undefined and NaN as
# null.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund ai@7.0.173 zod@4.6.7

cat >program.mjs <<'JAVASCRIPT'
import { generateText, isStepCount, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";

const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
const call = { type: "tool-call", toolCallId: "1", toolName: "pay", input: "{}" };

for (const result of ["paid", new Error("refused"), new Map([["euros", 5]]), 10n ** 18n]) {
  let paid = 0;
  let told = "nothing";
  const pay = tool({
    inputSchema: z.object({}),
    execute: () => {
      paid += 1;
      if (result instanceof Error) throw result;
      return result;
    },
  });
  const model = new MockLanguageModelV4({
    doGenerate: ({ prompt }) => {
      const last = prompt.at(-1).content[0];
      if (last.output) told = JSON.stringify(last.output.value);
      return {
        content: [last.output ? { type: "text", text: "done" } : call],
        finishReason: { unified: last.output ? "stop" : "tool-calls" },
        usage,
        warnings: [],
      };
    },
  });
  const given = { model, tools: { pay }, prompt: "Pay 5 euros", stopWhen: isStepCount(2) };
  const ended = await generateText(given).then(
    ({ text }) => text,
    (error) => `${error.name}: ${error.message}`,
  );
  const name = result instanceof Error ? "an error" : typeof result;
  console.log(`${name}: paid ${paid} times, the model is told ${told}, ended: ${ended}`);
}
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
string: paid 1 times, the model is told "paid", ended: done
an error: paid 1 times, the model is told "Error: refused", ended: done
object: paid 1 times, the model is told {}, ended: done
bigint: paid 1 times, the model is told nothing, ended: TypeError: Do not know how to serialize a BigInt
SEEN
echo "As before, with ai 7.0.173."
