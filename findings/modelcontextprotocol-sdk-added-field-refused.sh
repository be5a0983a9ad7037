#!/usr/bin/env bash
# @modelcontextprotocol/sdk==1.32.2, zod==4.6.7: a result with one field more is an error
#
# Our guess: a field that a tool adds to its result, beside those that its output schema has, is
# left out or handed on, as zod's `object` does and as unknown fields are meant to be taken.
# Seen: the server checks the result against the schema and lets it pass. What it publishes of that
# schema says `additionalProperties: false`, and its own SDK's client checks by that: the call ends
# with an error after the tool has acted, and the result is lost. It depends on whether the client
# has listed the tools before. With `looseObject` for the schema more fields are taken.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund @modelcontextprotocol/sdk@1.32.2 zod@4.6.7

cat >program.mjs <<'JAVASCRIPT'
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

let refunded = 0;
const refund = () => {
  refunded += 1;
  return { content: [], structuredContent: { approved: true, by: "ann@example.com" } };
};
const server = new McpServer({ name: "shop", version: "1" });
const approved = { approved: z.boolean() };
server.registerTool("refund", { outputSchema: approved }, refund);
server.registerTool("refund_loose", { outputSchema: z.looseObject(approved) }, refund);

const client = new Client({ name: "agent", version: "1" });
const [one, other] = InMemoryTransport.createLinkedPair();
await Promise.all([server.connect(one), client.connect(other)]);

const call = async (name) => {
  const told = await client.callTool({ name }).then(
    (result) => JSON.stringify(result.structuredContent),
    (error) => error.message,
  );
  console.log(`${name}: ${told}; refunded: ${refunded}`);
};
await call("refund");
await client.listTools();
await call("refund");
await call("refund_loose");
await client.close();
JAVASCRIPT

diff - <(node program.mjs) <<'SEEN'
refund: {"approved":true,"by":"ann@example.com"}; refunded: 1
refund: MCP error -32602: Structured content does not match the tool's output schema: data must NOT have additional properties; refunded: 2
refund_loose: {"approved":true,"by":"ann@example.com"}; refunded: 3
SEEN
echo "As before, with @modelcontextprotocol/sdk 1.32.2."
