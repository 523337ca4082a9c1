"""Stands in for the models' services on loopback: Anthropic Messages, OpenAI chat and Responses, Gemini.

It answers a main request (one that offers a shell tool) as `mode` says, and keeps what was asked:
answer (at once), slow (a line a second), tool (calls the shell, then answers), script (calls it with what `script` makes
of the prompt), drop (breaks its answer off), or one of refusals.MODES: a limit until its reset, fatal in the conversation
that holds BREAKING.
"""
import json
import os
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import refusals

SHELL_TOOLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "run_shell_command")
# Of a prompt that is quoted.
PROMPT_CHARS_MAX = 200
ANSWER = "This is the stand-in's answer."
BREAKING = "into the fault"


class Api:
    """The service and what it has seen."""

    def __init__(self):
        self.mode = "answer"
        self.slow_s = 4
        self.command = "echo done"
        self.script = lambda prompt: None
        self.reset_at = 0
        # A refusal for one prompt only, where it is a conversation that is too long.
        self.too_long = "into a context that is full"
        self.prompts = []
        self.histories = []
        self.models = []
        self.refused = self.answered = 0
        self.said = []
        self.changed = threading.Condition()
        api = self

        class Handler(_Handler):
            service = api

        self.server = _Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def asked(self, is_main, text, has_result, history, model):
        """The mode for a request by its newest texts, perhaps behind a tool's result, and all that was said before."""
        mode = self.mode_for(is_main, text, has_result, history)
        with self.changed:
            if is_main:
                self.models.append(model)
                self.refused += mode in refusals.MODES or mode == refusals.DROP
                self.answered += mode == "answer"
        return mode

    def mode_for(self, is_main, text, has_result, history):
        with self.changed:
            if is_main:
                text = self.new(text, history)
            if is_main and text:
                self.prompts.append(text)
                self.histories.append(json.dumps(history, ensure_ascii=False))
            self.changed.notify_all()
            lifted = self.mode in refusals.LIMITS and time.time() >= self.reset_at
            lifted |= self.mode == "context" and self.too_long not in text
            lifted |= self.mode == "fatal" and BREAKING not in json.dumps(history, ensure_ascii=False)
            if not is_main or lifted:
                return "answer"
            if self.mode != "script":
                return "answer" if self.mode == "tool" and has_result else self.mode
            command = self.script(text)
            self.command = command or self.command
            return "tool" if command else "answer"

    def new(self, text, history):
        """The user's texts that the request before did not hold; `text` where this is another conversation."""
        said = [part for message in history if message.get("role") == "user"
                for part in texts(message.get("content") or message.get("parts")) if part]
        before, self.said = self.said, said
        return "\n".join(said[len(before):]) if before and said[:len(before)] == before else text

    def count(self, text):
        """How many main requests ended in a prompt that holds this text."""
        with self.changed:
            return sum(prompt.count(text) for prompt in self.prompts)

    def said_times(self, text):
        """How often this text was said in the conversation that the newest main request holds."""
        with self.changed:
            return sum(part.count(text) for part in self.said)

    def prompts_with(self, text):
        """The beginnings of the main requests' prompts that hold this text, and where they stand among all."""
        with self.changed:
            found = [(number, prompt[:PROMPT_CHARS_MAX]) for number, prompt in enumerate(self.prompts) if text in prompt]
            return f"{found} of {len(self.prompts)}"

    def history(self, text):
        """What the newest main request held whose prompt has this text; empty without one."""
        with self.changed:
            found = [history for prompt, history in zip(self.prompts, self.histories) if text in prompt]
            return found[-1] if found else ""


def texts(content):
    if isinstance(content, str):
        return [content]
    return [part if isinstance(part, str) else part.get("text", "") for part in content or []]


def newest(messages, role="user", is_result=lambda message: False):
    """The texts behind the last answer, and whether a tool's result is among them."""
    found, has_result = [], False
    for message in reversed(messages):
        if is_result(message):
            has_result = True
        if message.get("role") in ("assistant", "model") or message.get("type") in ("function_call", "reasoning"):
            break
        elif message.get("role") == role:
            found = texts(message.get("content") or message.get("parts")) + found
    return "\n".join(text for text in found if text), has_result


class _Server(ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        # A program that is ended drops its connections.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service = None

    def log_message(self, *_):
        pass

    def reply(self, status, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in [("content-type", "application/json"), ("content-length", len(body)), *headers]:
            self.send_header(name, str(text))
        self.end_headers()
        self.wfile.write(body)

    def begin_stream(self):
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def chunk(self, text):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
        self.wfile.flush()

    def event(self, value, name=None):
        self.chunk((f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n")

    def do_GET(self):
        models = [{"id": "stand-in", "object": "model", "type": "model", "display_name": "stand-in"}]
        self.reply(200, {"object": "list", "data": models, "models": []} if "/models" in self.path else {})

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_GET

    def body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def do_POST(self):
        raw = self.body()
        if "API_LOG" in os.environ:
            print("POST", self.path, raw[:200], file=sys.stderr)
        try:
            asked = json.loads(raw or b"{}")
        except ValueError:
            asked = {}
        path = self.path.split("?")[0]
        try:
            if path.endswith("/count_tokens") or path.endswith(":countTokens"):
                self.reply(200, {"input_tokens": 100, "totalTokens": 100})
            elif path.endswith("/v1/messages"):
                self.anthropic(asked)
            elif path.endswith("/chat/completions"):
                self.chat(asked)
            elif path.endswith("/responses"):
                self.openai(asked)
            elif "enerateContent" in path:
                self.gemini(asked, "stream" in path, path.rpartition("/")[2].partition(":")[0])
            else:
                self.reply(200, {})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def pieces(self, mode):
        """The answer in pieces, a second between two where it is to be slow."""
        if mode == "slow":
            for number in range(self.service.slow_s):
                yield f"line {number}\n"
                time.sleep(1)
        if mode == refusals.DROP:
            yield ANSWER[:9]
            raise ConnectionResetError("as it was told to")
        yield "I call a tool." if mode == "tool" else ANSWER

    def anthropic(self, asked):
        tools = [tool.get("name") for tool in asked.get("tools") or []]
        is_result = lambda m: any(isinstance(p, dict) and p.get("type") == "tool_result" for p in m.get("content") or [])
        text, has_result = newest(asked.get("messages") or [], is_result=is_result)
        is_main = "Bash" in tools
        mode = self.service.asked(is_main, text, has_result, asked.get("messages") or [], asked.get("model"))
        if mode in refusals.MODES:
            return self.reply(*refusals.anthropic(mode, self.service.reset_at))
        uses = mode == "tool"
        title = '{"title": "Stand-in", "isNewTopic": false}'
        if not asked.get("stream"):
            said = ANSWER if is_main else title
            # What broke off is asked for once more as a whole.
            self.service.answered += is_main and mode == refusals.DROP
            return self.reply(200, {
                "id": "msg_1", "type": "message", "role": "assistant", "model": asked.get("model"), "stop_sequence": None,
                "content": [{"type": "text", "text": said}], "stop_reason": "end_turn",
                "usage": {"input_tokens": 10, "output_tokens": 5}})
        self.begin_stream()
        send = lambda kind, **fields: self.event({"type": kind, **fields}, kind)
        usage = {"input_tokens": 1200, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1}
        send("message_start", message={
            "id": f"msg_{time.time_ns()}", "type": "message", "role": "assistant", "model": asked.get("model"),
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage})
        send("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in self.pieces(mode if uses or mode != "tool" else "answer") if is_main else [title]:
            send("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        send("content_block_stop", index=0)
        if uses:
            arguments = json.dumps({"command": self.service.command, "description": "runs a command"})
            tool = {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": "Bash", "input": {}}
            send("content_block_start", index=1, content_block=tool)
            send("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": arguments})
            send("content_block_stop", index=1)
        reason = "tool_use" if uses else "end_turn"
        send("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 20})
        send("message_stop")
        self.chunk_end()

    def chunk_end(self):
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def chat(self, asked):
        tools = [tool.get("function", {}).get("name") for tool in asked.get("tools") or []]
        text, has_result = newest(asked.get("messages") or [], is_result=lambda m: m.get("role") == "tool")
        is_main = bool(tools)
        mode = self.service.asked(is_main, text, has_result, asked.get("messages") or [], asked.get("model"))
        if mode in refusals.MODES:
            return self.reply(*refusals.openai(mode, self.service.reset_at))
        tool = next((name for name in SHELL_TOOLS if name in tools), None)
        uses = mode == "tool" and tool
        self.begin_stream()
        base = {"id": f"chatcmpl-{time.time_ns()}", "object": "chat.completion.chunk", "created": int(time.time()), "model": asked.get("model")}
        send = lambda delta, end=None: self.event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]})
        send({"role": "assistant", "content": ""})
        for piece in self.pieces(mode if uses or mode != "tool" else "answer") if is_main else ["Stand-in"]:
            send({"content": piece})
        if uses:
            arguments = json.dumps({"command": self.service.command, "description": "runs a command"})
            send({"tool_calls": [{"index": 0, "id": f"call_{time.time_ns()}", "type": "function", "function": {"name": tool, "arguments": arguments}}]})
        send({}, "tool_calls" if uses else "stop")
        self.event({**base, "choices": [], "usage": {"prompt_tokens": 1200, "completion_tokens": 20, "total_tokens": 1220}})
        self.chunk("data: [DONE]\n\n")
        self.chunk_end()

    def openai(self, asked):
        tools = [tool.get("name") or tool.get("type") for tool in asked.get("tools") or []]
        messages = asked.get("input") or []
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        text, has_result = newest(messages, is_result=lambda m: "output" in (m.get("type") or ""))
        is_main = bool(tools)
        mode = self.service.asked(is_main, text, has_result, messages, asked.get("model"))
        if mode in refusals.MODES and mode != "context":
            return self.reply(*refusals.openai(mode, self.service.reset_at))
        tool = next((name for name in SHELL_TOOLS if name in tools), None)
        uses = mode == "tool" and tool
        number = time.time_ns()
        self.begin_stream()
        send = lambda kind, **fields: self.event({"type": kind, **fields}, kind)
        base = {"id": f"resp_{number}", "object": "response", "created_at": int(time.time()), "model": asked.get("model"), "status": "in_progress", "output": []}
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "in_progress", "content": []}
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        send("response.created", response=base)
        if mode == "context":
            _, code, said = refusals.OPENAI[mode]
            send("response.failed", response={**base, "status": "failed", "error": {"code": code, "message": said}})
            return self.chunk_end()
        send("response.output_item.added", output_index=0, item=item)
        send("response.content_part.added", part={"type": "output_text", "text": "", "annotations": []}, **place)
        whole = ""
        for piece in self.pieces(mode if uses or mode != "tool" else "answer") if is_main else ["Stand-in"]:
            whole += piece
            send("response.output_text.delta", delta=piece, **place)
        done = {**item, "status": "completed", "content": [{"type": "output_text", "text": whole, "annotations": []}]}
        send("response.output_text.done", text=whole, **place)
        send("response.output_item.done", output_index=0, item=done)
        output = [done]
        if uses:
            words = {"cmd": self.service.command} if tool == "exec_command" else {"command": self.service.command}
            if "escalated" in self.service.command:
                words.update(sandbox_permissions="require_escalated", justification="it must leave the sandbox")
            call = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": tool, "arguments": json.dumps(words), "status": "completed"}
            send("response.output_item.added", output_index=1, item={**call, "arguments": "", "status": "in_progress"})
            send("response.output_item.done", output_index=1, item=call)
            output.append(call)
        usage = {"input_tokens": 1200, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 1220}
        send("response.completed", response={**base, "status": "completed", "output": output, "usage": usage})
        self.chunk_end()

    def gemini(self, asked, is_stream, model):
        tools = [one.get("name") for tool in asked.get("tools") or [] for one in tool.get("functionDeclarations") or []]
        is_result = lambda m: any("functionResponse" in part for part in m.get("parts") or [])
        text, has_result = newest(asked.get("contents") or [], is_result=is_result)
        is_main = "run_shell_command" in tools
        mode = self.service.asked(is_main, text, has_result, asked.get("contents") or [], model)
        if mode in refusals.MODES:
            return self.reply(*refusals.gemini(mode, self.service.reset_at))

        def part(parts, end=None):
            one = {"content": {"role": "model", "parts": parts}, "index": 0, **({"finishReason": end} if end else {})}
            usage = {"promptTokenCount": 1200, "candidatesTokenCount": 20, "totalTokenCount": 1220}
            return {"candidates": [one], "usageMetadata": usage, "modelVersion": "stand-in"}

        if not is_stream:
            words = {"reasoning": "-", "next_speaker": "user", "model_choice": "flash", "complexity_score": 1, "complexity_reasoning": "-"}
            wants_json = re.search("json", json.dumps(asked.get("generationConfig") or {}), re.I)
            return self.reply(200, part([{"text": json.dumps(words) if wants_json else ANSWER}], "STOP"))
        self.begin_stream()
        uses = mode == "tool"
        for piece in self.pieces(mode if uses or mode != "tool" else "answer"):
            self.event(part([{"text": piece}]))
        last = [{"text": ""}]
        if uses:
            last = [{"functionCall": {"name": "run_shell_command", "args": {"command": self.service.command, "description": "runs"}}}]
        self.event(part(last, "STOP"))
        self.chunk_end()
