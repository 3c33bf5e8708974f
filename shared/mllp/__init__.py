"""MLLP framing (HL7 transport specification MLLP, release 1): bytes in, messages out; no sockets."""

from shared.mllp.framing import FrameDecoder, encode_frame, frame_parts

__all__ = ["FrameDecoder", "encode_frame", "frame_parts"]
