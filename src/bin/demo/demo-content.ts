import type { ContentInput } from '../../features/editing/content-input.ts'

/** One content of the demo tenant; what it does not name is empty. */
export interface DemoContent extends Pick<ContentInput, 'title' | 'type' | 'status' | 'body'> {
  /** Its external reference. It must stay as it is: a start looks for it to see what is there. */
  name: string
  /** Part of the campaign space "Winter Roast". */
  campaign?: true
  scheduledInDays?: number
  platforms?: ContentInput['platforms']
  tags?: readonly string[]
  hashtags?: readonly string[]
  mentions?: readonly string[]
  metadata?: Record<string, unknown>
}
