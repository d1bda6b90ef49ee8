"""What a language model is told to do, what it is asked, and what its answer is used for."""

import os
import subprocess

import anthropic
from flask import Flask, request
from openai import AsyncOpenAI, OpenAI

app = Flask(__name__)
client = OpenAI()
claude = anthropic.Anthropic()
TONES = {"short": "Answer in one sentence.", "long": "Explain in detail."}


@app.post("/instructed")
def instructed():
    tone = request.form["tone"]
    client.chat.completions.create(  # flag prompt-injection
        model="m",
        messages=[{"role": "system", "content": f"Be {tone}."}, {"role": "user", "content": "Who are you?"}],
    )
    messages = [{"role": "developer", "content": "Be " + tone}]
    client.chat.completions.create(model="m", messages=messages)  # flag prompt-injection
    client.responses.create(model="m", instructions=tone, input="Who are you?")  # flag prompt-injection
    claude.messages.create(model="m", max_tokens=9, system=f"Be {tone}.", messages=[])  # flag prompt-injection
    with claude.messages.stream(model="m", max_tokens=9, system=tone, messages=[]) as stream:  # flag prompt-injection
        stream.get_final_text()
    return ""


@app.post("/asked")
def asked():
    question = request.form["question"]
    system = {"role": "system", "content": load("instructions.txt")}
    user = {"role": "user", "content": question}
    client.chat.completions.create(model="m", messages=[system, user])
    client.chat.completions.create(model="m", messages=[user])
    client.responses.create(model="m", instructions=TONES.get(request.form["tone"], "Be kind."), input=question)
    client.responses.create(model="m", input=[user])
    claude.messages.create(model="m", max_tokens=9, system="Be kind.", messages=[user])
    client.embeddings.create(model="m", input=question)
    return ""


@app.post("/answered")
def answered():
    user = {"role": "user", "content": "Which command shows the date?"}
    answer = client.chat.completions.create(model="m", messages=[user]).choices[0].message.content
    os.system(answer)  # flag command-injection
    eval(client.responses.create(model="m", input="1 + 1").output_text)  # flag code-injection
    subprocess.run(["date", "--date", answer])
    print(answer)
    text = claude.messages.create(model="m", max_tokens=9, messages=[user]).content[0].text
    exec(text)  # flag code-injection
    return ""


async def later():
    answer = await AsyncOpenAI().chat.completions.create(model="m", messages=[])
    os.system("say " + answer.choices[0].message.content)  # flag command-injection
