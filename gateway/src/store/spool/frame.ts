/** The format is shared with what reads a log without being its writer: `headgate audit verify`. */
export {
  encodeFrames,
  FRAME_HEADER_BYTES,
  type Frame,
  type FrameKind,
  MAX_PAYLOAD_BYTES,
  type Scan,
  scanFrames,
} from '@headgate/contracts/spool/frame';
