"""What tests/wyoming.rs asks of the speech service, by the protocol's reference client.

    wyoming_client.py URI ACTION [ARGUMENT ...]

One action a run; prints one JSON object. Judges nothing: the test does.
"""

import asyncio
import json
import sys

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeVoice

PATIENCE = 120


def connect(uri):
    return AsyncClient.from_uri(uri, connect_timeout=10, read_timeout=PATIENCE)


async def answer(client):
    """The next event; an error as what it says, None where the service has closed."""
    event = await client.read_event()
    if event is not None and Error.is_type(event.type):
        error = Error.from_event(event)
        return event, {"code": error.code, "text": error.text}
    return event, None


async def refusal(client):
    """The error that comes next, and whether the service closes after it."""
    event, error = await answer(client)
    if error is None:
        return {"answered": None if event is None else event.type}
    last, _ = await answer(client)
    return {"error": error, "closed": last is None}


async def describe(client):
    await client.write_event(Describe().event())
    event, error = await answer(client)
    if error is not None:
        return {"error": error}
    info = Info.from_event(event)
    models = [model for program in info.asr for model in program.models]
    voices = [voice for program in info.tts for voice in program.voices]
    return {
        "asr": [[model.name, model.languages] for model in models],
        "tts": [[voice.name, voice.languages] for voice in voices],
        "installed": all(part.installed for part in [*info.asr, *info.tts, *models, *voices]),
        "streams": any(program.supports_transcript_streaming for program in info.asr)
        or any(program.supports_synthesize_streaming for program in info.tts),
        "others": len(info.handle + info.intent + info.wake + info.mic + info.snd),
    }


async def ping(client, text):
    await client.write_event(Ping(text=text).event())
    event, _ = await answer(client)
    return {"pong": Pong.from_event(event).text if Pong.is_type(event.type) else None}


async def send(client, audio, rate, width, channels, **wanted):
    sound = {"rate": rate, "width": width, "channels": channels}
    await client.write_event(Transcribe(**wanted).event())
    await client.write_event(AudioStart(**sound).event())
    step = rate // 10 * width * channels
    for at in range(0, len(audio), step):
        await client.write_event(AudioChunk(**sound, audio=audio[at : at + step]).event())
    await client.write_event(AudioStop().event())


async def transcribe(client, path, rate, width, channels, language=None, times=1):
    """Hears a file of PCM, several times over one connection."""
    with open(path, "rb") as file:
        audio = file.read()
    heard = []
    for _ in range(int(times)):
        await send(client, audio, int(rate), int(width), int(channels), language=language)
        event, error = await answer(client)
        if error is not None:
            return {"error": error}
        transcript = Transcript.from_event(event)
        heard.append({"text": transcript.text, "language": transcript.language})
    return {"heard": heard}


async def silence(client, seconds, rate, width, channels):
    size = int(float(seconds) * int(rate)) * int(width) * int(channels)
    await send(client, bytes(size), int(rate), int(width), int(channels))
    event, error = await answer(client)
    if error is not None:
        last, _ = await answer(client)
        return {"error": error, "closed": last is None}
    return {"text": Transcript.from_event(event).text}


async def synthesize(client, text, path, voice=None):
    """Says a text into a file of PCM."""
    named = None if voice is None else SynthesizeVoice(name=voice)
    await client.write_event(Synthesize(text=text, voice=named).event())
    event, error = await answer(client)
    if error is not None:
        last, _ = await answer(client)
        return {"error": error, "closed": last is None}
    start, longest, audio = AudioStart.from_event(event), 0.0, b""
    while True:
        event, error = await answer(client)
        if error is not None:
            return {"error": error}
        if AudioStop.is_type(event.type):
            break
        chunk = AudioChunk.from_event(event)
        assert (chunk.rate, chunk.width, chunk.channels) == (start.rate, start.width, start.channels)
        longest = max(longest, chunk.seconds)
        audio += chunk.audio
    with open(path, "wb") as file:
        file.write(audio)
    return {
        "rate": start.rate,
        "width": start.width,
        "channels": start.channels,
        "seconds": len(audio) / (start.rate * start.width * start.channels),
        "longest": longest,
    }


async def raw(client, path):
    """Sends bytes as they are; the reference client itself writes nothing wrong."""
    with open(path, "rb") as file:
        client._writer.write(file.read())
    await client._writer.drain()
    return await refusal(client)


async def crowd(client, uri, number):
    """Holds as many connections as are served, asks over one more, then over all again."""
    others = [connect(uri) for _ in range(int(number) - 1)]
    for other in others:
        await other.connect()
    served = [await ping(each, "here") for each in [client, *others]]
    async with connect(uri) as late:
        await late.write_event(Describe().event())
        turned_away = await refusal(late)
    still = [await ping(each, "still") for each in [client, *others]]
    for other in others:
        await other.disconnect()
    # That they are gone is noticed soon, not at once.
    for _ in range(100):
        async with connect(uri) as again:
            if "error" not in await describe(again):
                return {"served": served, "turned_away": turned_away, "still": still, "again": True}
        await asyncio.sleep(0.1)
    return {"again": False}


ACTIONS = {
    "describe": describe,
    "ping": ping,
    "transcribe": transcribe,
    "silence": silence,
    "synthesize": synthesize,
    "raw": raw,
}


async def main(uri, action, *arguments):
    async with connect(uri) as client:
        if action == "crowd":
            return await crowd(client, uri, *arguments)
        return await ACTIONS[action](client, *arguments)


print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
